// SPDX-License-Identifier: BSL-1.0
// Mutexes that many may hold together, or one alone, with the interfaces of the standard's:
// shared_lock, unique_lock and scoped_lock work. Layer: sync. Where sections are short and do not
// wait, mutex is faster: here the lock goes from hand to hand in strict order, between threads too.
#pragma once

#include <chrono>

#include "weft/detail/config.hpp"
#include "weft/detail/shared_lock_core.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lets in one writer, or any number of readers. All get in in the order in which they asked;
// readers that stand together enter together, and no newcomer passes a writer that waits. A reader
// that asks again while a writer waits therefore waits for itself: do not.
// None of its functions is a point of cancellation.
// Lifetime: must outlive all who hold it or wait; to destroy one that others wait for ends the
// program.
template <class Policy>
class basic_shared_timed_mutex {
 public:
  basic_shared_timed_mutex() noexcept = default;
  basic_shared_timed_mutex(const basic_shared_timed_mutex&) = delete;
  basic_shared_timed_mutex& operator=(const basic_shared_timed_mutex&) = delete;

  // Takes the lock alone, or together with other readers.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::logic_error if the caller holds it alone already.
  void lock() { core_.lock_until(time_point::max(), "shared_mutex::lock()"); }
  void lock_shared() { core_.lock_shared_until(time_point::max(), "shared_mutex::lock_shared()"); }

  // Takes it if that is possible at once, and nobody waits.
  // Parks: never.  Calls from: fiber, any thread.
  [[nodiscard]] bool try_lock() noexcept { return core_.try_lock(); }
  [[nodiscard]] bool try_lock_shared() noexcept { return core_.try_lock_shared(); }

  // The same until a deadline; false if it came first. One that has passed tries once.
  // Parks: may.  Calls from: fiber, any thread.  Throws: std::logic_error as lock().
  template <class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<clock, Duration> deadline) {
    return core_.lock_until(saturate(deadline), "shared_timed_mutex::try_lock_until()");
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> span) {
    return try_lock_until(saturating_add(now(), saturate(span)));
  }
  template <class Duration>
  [[nodiscard]] bool try_lock_shared_until(std::chrono::time_point<clock, Duration> deadline) {
    return core_.lock_shared_until(saturate(deadline),
                                   "shared_timed_mutex::try_lock_shared_until()");
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_shared_for(std::chrono::duration<Rep, Period> span) {
    return try_lock_shared_until(saturating_add(now(), saturate(span)));
  }

  // Gives the lock up, to the writer or the readers that have waited longest.
  // Parks: never.  Calls from: who holds it alone; for unlock_shared() who holds it so.
  // Throws: std::logic_error, naming the holder, if somebody else holds it alone, or nobody does;
  // which of several readers gives up is not checked.
  void unlock() { core_.unlock("shared_mutex::unlock()"); }
  void unlock_shared() { core_.unlock_shared("shared_mutex::unlock_shared()"); }

 private:
  shared_lock_core<Policy> core_;
};

}  // namespace detail

using shared_mutex = detail::basic_shared_timed_mutex<detail::any_thread>;
using shared_timed_mutex = detail::basic_shared_timed_mutex<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
using shared_mutex = detail::basic_shared_timed_mutex<detail::one_loop>;
using shared_timed_mutex = detail::basic_shared_timed_mutex<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
