// SPDX-License-Identifier: BSL-1.0
// What happened in one schedule of testing::explore(), and its text: a line a step. Layer: task.
// Noted in the middle of switches, so noting is cheap; formatted once, for a schedule that failed.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weft/detail/chooser.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/testing.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

class timeline {
 public:
  void clear(time_point start) noexcept;

  // From here on the fiber runs, until the next step.
  void begin_step(const fiber& f);
  // What the running step does; what another fiber does to `f` when the loop itself runs.
  void note(testing::trace_kind of, const fiber& f, const char* what);
  void note_jump(time_point now);
  void note_access(const void* object, access how, const char* name);
  void note_draw(std::size_t drawn, std::size_t count);
  void note_offer() noexcept { is_offer_ = true; }  // the yield that follows is a maybe_switch()

  // The schedule has failed, `how` in a static text: nothing more is noted.
  void freeze(const loop& here, const char* how);
  std::string text() const;

 private:
  enum class kind : std::uint8_t {
    step,
    spawns,
    parks,
    yields,
    offers,
    draws,
    wakes,
    ends,
    jump,
    reads,
    writes,
    fails
  };
  struct event {
    kind what;
    std::uint64_t id = 0;          // of the fiber that the step runs, spawns or wakes
    const char* detail = nullptr;  // the wait, the file or the object's name
    std::uint64_t number = 0;      // the line; the fiber that is waited for
    time_point when{};
  };

  void push(const event& e) {
    if (!is_frozen_) events_.push_back(e);
  }
  void keep_name(const fiber& f);
  std::string name(std::uint64_t id) const;
  std::string describe(const event& e) const;

  std::vector<event> events_;
  std::vector<std::string> names_;  // by id
  time_point start_{};
  bool is_offer_ = false;
  bool is_frozen_ = false;
};

}  // namespace detail
WEFT_NAMESPACE_END
