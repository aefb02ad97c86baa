// SPDX-License-Identifier: BSL-1.0
// Mutexes for fibers, loops and plain threads, with the interfaces of the standard's: lock_guard,
// unique_lock and scoped_lock work. Layer: sync. Built on waiter; knows nothing of I/O.
//
// If what is guarded never waits inside the section and is touched by one loop only, no mutex is
// needed at all: fibers of a loop meet only where one of them waits.
#pragma once

#include <chrono>
#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/lock_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lets one fiber or thread at a time into a section that may wait inside.
// Fibers of one loop get it in the order in which they asked, handed over by unlock(), so that a
// re-lock cannot overtake. Who waits on another thread is woken and competes, and is handed the
// lock once it has waited 0.5 ms: strict order between threads costs ten times as much.
// Lifetime: must outlive all who hold it or wait; the destructor asserts that nobody does.
template <class Policy>
class basic_mutex {
 public:
  basic_mutex() noexcept = default;
  basic_mutex(const basic_mutex&) = delete;
  basic_mutex& operator=(const basic_mutex&) = delete;

  // Takes the lock. Not a point of cancellation: a cancelled fiber gets it, too.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::logic_error, naming the holder, if the caller holds it already.
  WEFT_INLINE void lock() { core_.lock("mutex::lock()"); }

  // Takes the lock if it is free.  Parks: never.  Calls from: fiber, any thread.
  [[nodiscard]] WEFT_INLINE bool try_lock() noexcept { return core_.try_lock(); }

  // Gives the lock up, and hands it to who has waited longest.
  // Parks: never.  Calls from: the fiber or thread that holds it.
  // Throws: std::logic_error, naming the holder, if that is somebody else.
  WEFT_INLINE void unlock() { core_.unlock("mutex::unlock()"); }

 private:
  lock_core<Policy> core_;
};

// A mutex whose lock can be given up waiting for.
template <class Policy>
class basic_timed_mutex {
 public:
  basic_timed_mutex() noexcept = default;
  basic_timed_mutex(const basic_timed_mutex&) = delete;
  basic_timed_mutex& operator=(const basic_timed_mutex&) = delete;

  // As mutex.
  WEFT_INLINE void lock() { core_.lock("timed_mutex::lock()"); }
  [[nodiscard]] WEFT_INLINE bool try_lock() noexcept { return core_.try_lock(); }
  WEFT_INLINE void unlock() { core_.unlock("timed_mutex::unlock()"); }

  // Takes the lock; false if that was not possible until the deadline. One that has passed tries
  // once. Neither is a point of cancellation.
  // Parks: may.  Calls from: fiber, any thread.  Throws: std::logic_error as lock().
  template <class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<clock, Duration> deadline) {
    return core_.lock_until(saturate(deadline), "timed_mutex::try_lock_until()");
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> span) {
    return core_.lock_until(saturating_add(now(), saturate(span)), "timed_mutex::try_lock_for()");
  }

 private:
  lock_core<Policy> core_;
};

// A mutex that its holder may lock again; free after as many unlocks.
template <class Policy>
class basic_recursive_timed_mutex {
 public:
  basic_recursive_timed_mutex() noexcept = default;
  basic_recursive_timed_mutex(const basic_recursive_timed_mutex&) = delete;
  basic_recursive_timed_mutex& operator=(const basic_recursive_timed_mutex&) = delete;

  // As mutex, but the holder comes in again.
  WEFT_INLINE void lock() {
    if (core_.is_mine()) {
      ++again_;
    } else {
      core_.lock("recursive_mutex::lock()");
    }
  }
  [[nodiscard]] WEFT_INLINE bool try_lock() noexcept {
    if (core_.is_mine()) {
      ++again_;
      return true;
    }
    return core_.try_lock();
  }
  WEFT_INLINE void unlock() {
    if (again_ != 0 && core_.is_mine()) {
      --again_;
    } else {
      core_.unlock("recursive_mutex::unlock()");
    }
  }

  // As timed_mutex.
  template <class Duration>
  [[nodiscard]] bool try_lock_until(std::chrono::time_point<clock, Duration> deadline) {
    if (core_.is_mine()) {
      ++again_;
      return true;
    }
    return core_.lock_until(saturate(deadline), "recursive_timed_mutex::try_lock_until()");
  }
  template <class Rep, class Period>
  [[nodiscard]] bool try_lock_for(std::chrono::duration<Rep, Period> span) {
    return try_lock_until(saturating_add(now(), saturate(span)));
  }

 private:
  lock_core<Policy> core_;
  std::uint64_t again_ = 0;  // how often the holder locked it once more: the holder's
};

}  // namespace detail

using mutex = detail::basic_mutex<detail::any_thread>;
using timed_mutex = detail::basic_timed_mutex<detail::any_thread>;
using recursive_mutex = detail::basic_recursive_timed_mutex<detail::any_thread>;
using recursive_timed_mutex = detail::basic_recursive_timed_mutex<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations. Not to be touched by other
// threads: nothing would tell.
namespace local {
using mutex = detail::basic_mutex<detail::one_loop>;
using timed_mutex = detail::basic_timed_mutex<detail::one_loop>;
using recursive_mutex = detail::basic_recursive_timed_mutex<detail::one_loop>;
using recursive_timed_mutex = detail::basic_recursive_timed_mutex<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
