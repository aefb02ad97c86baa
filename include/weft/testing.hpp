// SPDX-License-Identifier: BSL-1.0
// Tests without waiting: a clock that jumps, a point where nothing can move any more, and a trace
// to compare. Layer: loop.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/event_sink.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace testing {

// A clock that stands still while fibers run and jumps to the next deadline when every fiber is
// parked and no event is due. Starts at a fixed point, so every run sees the same times.
// Lifetime: must outlive the loops that use it. One loop at a time.
class WEFT_API virtual_clock final : public clock_source {
 public:
  // autojump false: only advance() moves it.
  explicit virtual_clock(bool autojump = true) noexcept : autojump_(autojump) {}
  ~virtual_clock() override;

  time_point now() noexcept override { return now_; }
  bool jump(time_point next) noexcept override;
  bool is_wall_time() const noexcept override { return false; }

  // Moves the clock forward by hand; sleepers that are due wake at the loop's next look.
  // Parks: never.  Calls from: the loop's thread.  Throws: std::logic_error for a negative span.
  void advance(duration span);

 private:
  time_point now_{std::chrono::hours(1)};
  bool autojump_;
};

// Parks until every other fiber of this loop is parked and no event is due; before time jumps.
// Parks: may.  Calls from: fiber.  Throws: cancelled; std::logic_error on a plain thread.
WEFT_API void wait_all_blocked();

enum class trace_kind : std::uint8_t { spawn, run, park, wake, end, jump };

struct trace_event {
  trace_kind kind;
  fiber_id fiber;
  time_point when;
  const char* what;  // the wait of a park, else ""; static text
};

// Records what the running loop does from here until it is destroyed, on the same thread, or run()
// ends.
// Same program, seed and virtual clock: the same events, on every machine and compiler.
class WEFT_API trace final : private detail::event_sink {
 public:
  trace();  // Throws: std::logic_error on a plain thread, or while another trace records
  ~trace();
  trace(const trace&) = delete;
  trace& operator=(const trace&) = delete;

  const std::vector<trace_event>& events() const noexcept { return events_; }

  // A number that differs, in all likelihood, when the events do.
  std::uint64_t hash() const noexcept;

  // One line an event: "12 park sleep @1500000ns", times from the first event.
  std::string text() const;

 private:
  void note(detail::loop& here, trace_kind event, const detail::fiber& f,
            const char* what) noexcept override;

  std::vector<trace_event> events_;
};

}  // namespace testing
WEFT_NAMESPACE_END
