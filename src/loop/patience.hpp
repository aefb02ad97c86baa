// SPDX-License-Identifier: BSL-1.0
// How long an idle loop looks for messages before it sleeps: a wake-up through the kernel costs
// some 16 us, one that is looked for 0.1 us. Layer: loop.
//
// It looks only while that pays: a loop that was rung soon after it fell asleep looks the next
// times; each time in vain halves how long, down to not at all, and each such fall doubles how many
// early rings it takes to look again. So two loops on one core, or messages that come too late,
// lose little. Source: Linux, Documentation/virt/kvm/halt-polling.rst, grows and shrinks alike.
#pragma once

#include "../base/relax.hpp"
#include "weft/detail/config.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class patience {
 public:
  static constexpr duration longest = std::chrono::microseconds(20);  // a wake-up by the kernel

  bool has_any() const noexcept { return span_ != duration::zero(); }

  // True as soon as `has_come` says so; false after a while.
  template <class F>
  bool look_for(F&& has_come) noexcept {
    const time_point end = clock::now() + span_;
    do {
      for (unsigned i = 0; i < looks_per_clock; ++i) {
        if (has_come()) {
          span_ = longest;
          wanted_rings_ = 1;
          return true;
        }
        relax();
      }
    } while (clock::now() < end);
    span_ /= 2;
    if (span_ < shortest) give_up();
    return false;
  }

  // A message has ended a sleep before which the loop did not look.
  void was_rung_after(duration sleep) noexcept {
    if (sleep <= early && ++early_rings_ >= wanted_rings_) span_ = longest;
  }

 private:
  static constexpr unsigned looks_per_clock = 8;  // 24 ns to ask it, some 15 ns a look
  static constexpr duration shortest = std::chrono::microseconds(2);
  static constexpr duration early = 4 * longest;  // both sides slept, and were woken by the kernel
  static constexpr unsigned most_rings = 1024;

  void give_up() noexcept {
    span_ = duration::zero();
    early_rings_ = 0;
    if (wanted_rings_ < most_rings) wanted_rings_ *= 2;
  }

  duration span_{};  // of the next look; zero: sleep at once
  unsigned early_rings_ = 0;
  unsigned wanted_rings_ = 1;
};

}  // namespace detail
WEFT_NAMESPACE_END
