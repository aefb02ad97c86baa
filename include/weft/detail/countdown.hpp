// SPDX-License-Identifier: BSL-1.0
// A count, and who waits until it is zero: what latch and wait_group are built of. Layer: sync.
#pragma once

#include <chrono>
#include <cstddef>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Throws std::logic_error: `call` would bring the count from `count` below zero or out of range.
[[noreturn]] WEFT_API void misuse_of_count(const char* call, std::ptrdiff_t by,
                                           std::ptrdiff_t count);

template <class Policy>
class countdown {
 public:
  explicit countdown(std::ptrdiff_t count) noexcept : count_(count) {}
  ~countdown() {
    core_.lock();  // who saw zero may destroy it while the last one is on its way back
    core_.unlock();
  }

  // Adds `by`, which may be negative. At zero all waits end.
  void add(std::ptrdiff_t by, const char* call) {
    claimed_waiters woken;  // signalled when it dies, after unlock()
    core_.lock();
    const std::ptrdiff_t before = count_.load(std::memory_order_relaxed);
    std::ptrdiff_t after = 0;
    if (WEFT_UNLIKELY(__builtin_add_overflow(before, by, &after) || after < 0)) {
      core_.unlock();
      misuse_of_count(call, by, before);
    }
    count_.store(after, std::memory_order_release);  // pairs with the acquire of is_zero()
    if (after == 0) woken.claim_all(core_.queue, 0);
    core_.unlock();
  }

  WEFT_INLINE std::ptrdiff_t count() const noexcept {
    return count_.load(std::memory_order_acquire);
  }

  WEFT_INLINE bool wait_until(time_point deadline, const wait_type& what) {
    loop_core* const here = fibers_loop();
    if (count() == 0) {
      spend_of(here);
      return true;
    }
    core_.lock();
    if (count_.load(std::memory_order_relaxed) == 0) {
      core_.unlock();
      spend_of(here);
      return true;
    }
    waiter own(here, this);
    core_.queue.push_back(own);
    core_.unlock();
    return wait_or_throw(own, core_, what, deadline);
  }

 private:
  wait_core<Policy> core_;
  // Written under core_'s lock.
  typename Policy::template word<std::ptrdiff_t> count_;
};

}  // namespace detail
WEFT_NAMESPACE_END
