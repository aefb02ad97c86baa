// SPDX-License-Identifier: BSL-1.0
// Condition variables with the standard's interface, for fibers, loops and plain threads.
// Layer: sync. They wait with std::unique_lock over weft's mutexes, or with any other lock whose
// holder may park; a std::mutex is none of those.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lets fibers and threads wait until somebody says that something may have changed. There are no
// spurious wake-ups of its own, but what was true at the notify may be over when the waiter has the
// lock again: wait with a predicate.
// Lifetime: must outlive all who wait; the destructor asserts that nobody does.
template <class Policy>
class basic_condition_variable {
 public:
  basic_condition_variable() noexcept = default;

  // Unlocks, waits for a notify, and locks again. The lock is held again on every way out.
  // A notify that reached this wait counts, even if a cancel comes after it (sem 3, 52).
  // Parks: may.  Calls from: fiber, any thread; the caller holds `lock`.
  // Throws: cancelled, holding the lock again; what lock.unlock() throws, if it is not held.
  template <class Lock>
  void wait(Lock& lock) {
    wait_until_or_cancel(lock, time_point::max());
  }
  template <class Lock, class Predicate>
  void wait(Lock& lock, Predicate is_true) {
    while (!is_true()) wait(lock);
  }

  // The same until a deadline.
  template <class Lock, class Duration>
  std::cv_status wait_until(Lock& lock, std::chrono::time_point<clock, Duration> deadline) {
    return wait_until_or_cancel(lock, saturate(deadline)) ? std::cv_status::no_timeout
                                                          : std::cv_status::timeout;
  }
  template <class Lock, class Duration, class Predicate>
  bool wait_until(Lock& lock, std::chrono::time_point<clock, Duration> deadline,
                  Predicate is_true) {
    while (!is_true()) {
      if (wait_until(lock, deadline) == std::cv_status::timeout) return is_true();
    }
    return true;
  }
  template <class Lock, class Rep, class Period>
  std::cv_status wait_for(Lock& lock, std::chrono::duration<Rep, Period> span) {
    return wait_until(lock, saturating_add(now(), saturate(span)));
  }
  template <class Lock, class Rep, class Period, class Predicate>
  bool wait_for(Lock& lock, std::chrono::duration<Rep, Period> span, Predicate is_true) {
    return wait_until(lock, saturating_add(now(), saturate(span)), std::move(is_true));
  }

  // Ends the wait of who has waited longest, or of all. They do not run before the caller waits.
  // Parks: never.  Calls from: fiber, any thread, with the lock or without.
  void notify_one() noexcept { core_.signal_first(); }
  void notify_all() noexcept { core_.signal_all(); }

 private:
  template <class Lock>
  bool wait_until_or_cancel(Lock& lock, time_point deadline) {
    queued_wait<Policy> own(core_, condition_wait);  // in the queue before the lock is free
    lock.unlock();
    const queue_end end = own.wait(deadline);
    lock.lock();  // no point of cancellation
    if (end == queue_end::cancelled) own.throw_cancelled();
    return end == queue_end::signalled;
  }

  static constexpr wait_type condition_wait{"condition variable", Policy::by};

  wait_core<Policy> core_;
};

}  // namespace detail

using condition_variable = detail::basic_condition_variable<detail::any_thread>;
using condition_variable_any = detail::basic_condition_variable<detail::any_thread>;

namespace local {
using condition_variable = detail::basic_condition_variable<detail::one_loop>;
using condition_variable_any = detail::basic_condition_variable<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
