// SPDX-License-Identifier: BSL-1.0
// A lock for a few instructions: no user code, no park and no system call under it. Layer: base.
// One atomic exchange to lock, a plain store to unlock (a mutex takes two exchanges).
#pragma once

#include <atomic>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class WEFT_API spin_lock {
 public:
  WEFT_INLINE void lock() noexcept {
    // acquire; pairs with the release of who held it before
    if (WEFT_UNLIKELY(is_held_.exchange(true, std::memory_order_acquire))) lock_slowly();
  }
  WEFT_INLINE void unlock() noexcept { is_held_.store(false, std::memory_order_release); }

 private:
  void lock_slowly() noexcept;

  std::atomic<bool> is_held_{false};
};

// The same for what one loop has for itself: its fibers meet only where one parks.
class no_lock {
 public:
  WEFT_INLINE void lock() noexcept {}
  WEFT_INLINE void unlock() noexcept {}
};

}  // namespace detail
WEFT_NAMESPACE_END
