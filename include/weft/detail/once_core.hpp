// SPDX-License-Identifier: BSL-1.0
// Something that is to be done once: who does it, who waits for that, and whose turn is next if it
// failed. Under call_once and lazy. Layer: sync. The first look is inline; the rest lies in
// src/sync/once_core.cpp.
#pragma once

#include <cstdint>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/lock_core.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class Policy>
class WEFT_API once_core {
 public:
  once_core() noexcept = default;
  ~once_core() {
    core_.lock();  // who saw it done may destroy it while the doer is on its way back
    core_.unlock();
  }

  // acquire; pairs with the release of succeed()
  WEFT_INLINE bool is_done() const noexcept { return is_done_.load(std::memory_order_acquire); }

  // Waits until it is done (false), or the caller is the one to do it: true, and it owes succeed()
  // or fail().  Throws: cancelled; std::logic_error if the caller is doing it already.
  bool begin(const char* call);
  void succeed() noexcept;
  void fail() noexcept;  // the next who waits does it

  lock_holder doer() const noexcept { return doer_.load(std::memory_order_relaxed); }

 private:
  wait_core<Policy> core_;
  // Both are written under core_'s lock.
  typename Policy::template word<bool> is_done_{false};
  typename Policy::template word<lock_holder> doer_{nobody};
};

extern template class once_core<any_thread>;
extern template class once_core<one_loop>;

// Fails unless told that it was done: an exception lets the next one try.
template <class Policy>
class once_attempt {
 public:
  explicit once_attempt(once_core<Policy>& core) noexcept : core_(core) {}
  once_attempt(const once_attempt&) = delete;
  once_attempt& operator=(const once_attempt&) = delete;
  ~once_attempt() {
    if (!is_over_) core_.fail();
  }
  void succeed() noexcept {
    is_over_ = true;
    core_.succeed();
  }

 private:
  once_core<Policy>& core_;
  bool is_over_ = false;
};

}  // namespace detail
WEFT_NAMESPACE_END
