// SPDX-License-Identifier: BSL-1.0
// "Something has changed, look again", without a lock beside it. Layer: sync. Tokio's Notify. For
// what stays true take event, for something counted semaphore.
#pragma once

#include <chrono>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lets fibers and threads wait for a notification. One that finds nobody is kept for the next who
// waits, so that none is lost between a look and the wait; but only one is ever kept.
// Lifetime: must outlive all who wait; the destructor asserts that nobody does.
template <class Policy>
class basic_notifier {
 public:
  basic_notifier() noexcept = default;

  // Ends the wait of who has waited longest, or keeps one permit if nobody waits (sem 54).
  // Parks: never.  Calls from: any thread.
  WEFT_INLINE void notify_one() noexcept {
    core_.lock();
    wait_place* const first = core_.claim_first();
    if (first == nullptr) has_permit_ = true;
    core_.unlock();
    if (first != nullptr) first->signal();
  }

  // Ends all waits that there are, and keeps nothing.  Parks: never.  Calls from: any thread.
  void notify_all() noexcept { core_.signal_all(); }

  // Takes the permit that was kept, or waits for a notification. One that reached this wait counts,
  // even if a cancel comes after it; one that meets a wait already cancelled goes to the next.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).  Throws: cancelled.
  WEFT_INLINE void wait() { wait_until(time_point::max()); }

  // The same until a deadline; false if it came first. One that has passed looks once.
  template <class Duration>
  WEFT_INLINE bool wait_until(std::chrono::time_point<clock, Duration> deadline) {
    loop_core* const here = fibers_loop();
    core_.lock();
    if (has_permit_) {
      has_permit_ = false;
      core_.unlock();
      spend_of(here);
      return true;
    }
    waiter own(here, this);
    core_.queue.push_back(own);
    core_.unlock();
    return wait_or_throw(own, core_, notifier_wait, saturate(deadline));
  }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> span) {
    return wait_until(saturating_add(now(), saturate(span)));
  }

 private:
  static constexpr wait_type notifier_wait{"notifier", Policy::by};

  wait_core<Policy> core_;
  bool has_permit_ = false;  // guarded by core_
};

}  // namespace detail

using notifier = detail::basic_notifier<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
using notifier = detail::basic_notifier<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
