// SPDX-License-Identifier: BSL-1.0
// A count that goes down to zero once, with std::latch's interface. Layer: sync. If what is waited
// for may still become more, take wait_group; to meet again and again, barrier.
#pragma once

#include <chrono>
#include <cstddef>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/countdown.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lets everybody wait until something was done `expected` times; it then stays open.
// Lifetime: must outlive all who wait, which the destructor asserts. Who found it open may destroy
// it, even while the last count_down() is on its way back.
template <class Policy>
class basic_latch {
 public:
  // Throws: std::logic_error if `expected` is negative.
  explicit basic_latch(std::ptrdiff_t expected) : core_(expected) {
    if (expected < 0) misuse_of_count("latch::latch()", expected, 0);
  }
  basic_latch(const basic_latch&) = delete;
  basic_latch& operator=(const basic_latch&) = delete;

  // Counts down; at zero all waits end.  Parks: never.  Calls from: any thread.
  // Throws: std::logic_error if n is negative or more than is left; nothing is counted then.
  void count_down(std::ptrdiff_t n = 1) { take(n, "latch::count_down()"); }

  // True if it is open.  Parks: never.  Calls from: any thread.
  [[nodiscard]] bool try_wait() const noexcept { return core_.count() == 0; }

  // Waits until it is open. Opened before a cancel came, the wait is complete.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).  Throws: cancelled.
  void wait() { core_.wait_until(time_point::max(), latch_wait); }

  // The same until a deadline; false if it came first. One that has passed looks once.
  template <class Duration>
  bool wait_until(std::chrono::time_point<clock, Duration> deadline) {
    return core_.wait_until(saturate(deadline), latch_wait);
  }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> span) {
    return wait_until(saturating_add(now(), saturate(span)));
  }

  // count_down(n), then wait(). A cancel takes nothing back: what was counted is.
  void arrive_and_wait(std::ptrdiff_t n = 1) {
    take(n, "latch::arrive_and_wait()");
    wait();
  }

 private:
  void take(std::ptrdiff_t n, const char* call) {
    if (WEFT_UNLIKELY(n < 0)) misuse_of_count(call, n, core_.count());
    core_.add(-n, call);
  }

  static constexpr wait_type latch_wait{"latch", Policy::by};

  countdown<Policy> core_;
};

}  // namespace detail

using latch = detail::basic_latch<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
using latch = detail::basic_latch<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
