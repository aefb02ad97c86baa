// SPDX-License-Identifier: BSL-1.0
// Something that has happened, or has not yet. Layer: sync. For "look again", of which one waiter
// is enough, take notifier; for a value, future; for the end of several things, latch.
#pragma once

#include <chrono>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class Policy, class F>
class event_case;

// Lets everybody wait until it is set; it stays set until somebody clears it.
// Lifetime: must outlive all who wait, which the destructor asserts. Who saw it set may destroy it,
// even while set() is on its way back.
template <class Policy>
class basic_event {
 public:
  basic_event() noexcept = default;
  ~basic_event() {
    core_.lock();  // who set it still has the lock, or is done with it
    core_.unlock();
  }

  // Ends all waits, and those that come until clear(). All who wait now go on, even if clear()
  // follows before they run (sem 53); they do not run before the caller waits.
  // Parks: never.  Calls from: any thread.
  void set() noexcept {
    claimed_waiters woken;  // signalled when it dies, after unlock()
    core_.lock();
    is_set_.store(true, std::memory_order_release);  // pairs with the acquire of is_set()
    woken.claim_all(core_.queue, 0);
    core_.unlock();
  }

  // Lets further waits wait.  Parks: never.  Calls from: any thread.
  void clear() noexcept {
    core_.lock();
    is_set_.store(false, std::memory_order_relaxed);
    core_.unlock();
  }

  // Parks: never.  Calls from: any thread.
  WEFT_INLINE bool is_set() const noexcept { return is_set_.load(std::memory_order_acquire); }

  // Waits until it is set. A set() that reached this wait counts, even if a cancel comes after it.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).  Throws: cancelled.
  WEFT_INLINE void wait() { wait_until(time_point::max()); }

  // The same until a deadline; false if it came first. One that has passed looks once.
  template <class Duration>
  WEFT_INLINE bool wait_until(std::chrono::time_point<clock, Duration> deadline) {
    loop_core* const here = fibers_loop();
    if (WEFT_LIKELY(is_set())) {
      spend_of(here);
      return true;
    }
    return wait_unset(here, saturate(deadline));
  }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> span) {
    return wait_until(saturating_add(now(), saturate(span)));
  }

 private:
  template <class P, class F>
  friend class event_case;  // of select

  bool wait_unset(loop_core* here, time_point deadline) {
    core_.lock();
    if (is_set_.load(std::memory_order_relaxed)) {
      core_.unlock();
      spend_of(here);
      return true;
    }
    waiter own(here, this);
    core_.queue.push_back(own);
    core_.unlock();
    return wait_or_throw(own, core_, event_wait, deadline);
  }

  static constexpr wait_type event_wait{"event", Policy::by};

  wait_core<Policy> core_;
  typename Policy::template word<bool> is_set_{false};  // written under core_'s lock
};

}  // namespace detail

using event = detail::basic_event<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
using event = detail::basic_event<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
