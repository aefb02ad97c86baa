// SPDX-License-Identifier: BSL-1.0
// Whom a loop tells what it does: testing::trace, debug::trace, testing::explore. Layer: loop.
// While there is one, the loop is watched: every switch takes its slow path, and only there is
// anything told.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN

namespace testing {
enum class trace_kind : std::uint8_t;
}

namespace detail {

class loop;
struct fiber;

struct event_sink {
  enum class kind : std::uint8_t { testing, debug, explore, locks };

  explicit event_sink(kind one) noexcept : which(one) {}
  event_sink(const event_sink&) = delete;
  event_sink& operator=(const event_sink&) = delete;

  // Something happened to `f`, which may be the loop's own context; `what`: see trace_event. Runs
  // in the middle of a switch: must not park, throw, or look at the running fiber's stack.
  virtual void note(loop& here, testing::trace_kind event, const fiber& f,
                    const char* what) noexcept = 0;
  // run() ends; nothing more will be told.
  virtual void finish(loop&) noexcept {}

  const kind which;
  loop* from = nullptr;  // nullptr: told by none
  event_sink* next = nullptr;

 protected:
  ~event_sink() = default;
};

}  // namespace detail
WEFT_NAMESPACE_END
