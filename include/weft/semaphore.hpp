// SPDX-License-Identifier: BSL-1.0
// Counting semaphores for fibers, loops and plain threads. Layer: sync. To bound how many tasks do
// something at once, capacity_limiter also tells who has what.
#pragma once

#include <chrono>
#include <cstddef>
#include <limits>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

[[noreturn]] WEFT_API void misuse_of_release(std::size_t k, std::size_t free, std::size_t most);

// Hands out permits, in the order in which they were asked for: who comes later does not take a
// free one while others wait.
// Lifetime: must outlive all who wait; the destructor asserts that nobody does.
template <class Policy>
class basic_semaphore {
 public:
  explicit basic_semaphore(std::size_t permits) noexcept : free_(permits) {}

  // Takes a permit. One that was handed over is kept, even if a cancel comes after it (sem 49).
  // Parks: may.  Calls from: fiber, any thread (which then blocks).  Throws: cancelled.
  WEFT_INLINE void acquire() { acquire_until(time_point::max()); }

  // The same until a deadline; false if it came first. One that has passed tries once.
  WEFT_INLINE bool acquire_until(time_point deadline) {
    loop_core* const here = fibers_loop();
    core_.lock();
    if (WEFT_LIKELY(take())) {
      core_.unlock();
      spend_of(here);
      return true;
    }
    waiter own(here, this);
    core_.queue.push_back(own);
    core_.unlock();
    return wait_or_throw(own, core_, permit_wait, deadline);
  }
  template <class Rep, class Period>
  bool acquire_for(std::chrono::duration<Rep, Period> span) {
    return acquire_until(saturating_add(now(), saturate(span)));
  }

  // Takes a permit if one is free and nobody waits.  Parks: never.  Calls from: any thread.
  [[nodiscard]] WEFT_INLINE bool try_acquire() noexcept {
    core_.lock();
    const bool is_taken = take();
    core_.unlock();
    return is_taken;
  }

  // Gives k permits back, to who has waited longest first.  Parks: never.  Calls from: any thread.
  // Throws: std::logic_error if there would be more than can be counted; nothing is given then.
  WEFT_INLINE void release(std::size_t k = 1) { give(k, std::numeric_limits<std::size_t>::max()); }

  // How many are free at this moment.  Parks: never.  Calls from: any thread.
  std::size_t available() const noexcept {
    core_.lock();
    const std::size_t free = free_;
    core_.unlock();
    return free;
  }

 protected:
  WEFT_INLINE void give(std::size_t k, std::size_t most) {
    claimed_waiters woken;
    core_.lock();
    if (WEFT_UNLIKELY(k > most - free_)) {
      const std::size_t free = free_;
      core_.unlock();
      misuse_of_release(k, free, most);
    }
    // Permits are free only while nobody waits.
    if (WEFT_UNLIKELY(!core_.queue.empty())) {
      const loop_core* const here = running_loop();
      for (; k != 0; --k) {
        wait_place* const first = first_waiting(core_.queue, here);
        if (first == nullptr) break;
        woken.claim(*first, 0);
      }
    }
    free_ += k;
    core_.unlock();
  }

 private:
  WEFT_INLINE bool take() noexcept {
    if (free_ == 0) return false;
    --free_;
    return true;
  }

  static constexpr wait_type permit_wait{"semaphore", Policy::by};

  mutable wait_core<Policy> core_;
  std::size_t free_;  // guarded by core_
};

// A semaphore that never holds more permits than it began with.
template <class Policy>
class basic_bounded_semaphore : private basic_semaphore<Policy> {
  using base = basic_semaphore<Policy>;

 public:
  explicit basic_bounded_semaphore(std::size_t permits) noexcept : base(permits), most_(permits) {}

  using base::acquire;
  using base::acquire_for;
  using base::acquire_until;
  using base::available;
  using base::try_acquire;

  // As semaphore::release(), but throws std::logic_error as soon as more permits would be free than
  // there were in the beginning: somebody released what he had not acquired.
  void release(std::size_t k = 1) { this->give(k, most_); }

 private:
  const std::size_t most_;
};

}  // namespace detail

using semaphore = detail::basic_semaphore<detail::any_thread>;
using bounded_semaphore = detail::basic_bounded_semaphore<detail::any_thread>;

namespace local {
using semaphore = detail::basic_semaphore<detail::one_loop>;
using bounded_semaphore = detail::basic_bounded_semaphore<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
