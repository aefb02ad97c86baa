// SPDX-License-Identifier: BSL-1.0
// Objects that are made when they are first needed and last to the end of the process. Not static
// locals: those call __cxa_guard_acquire, which is hooked here. Layer: hook.
#pragma once

#include <atomic>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

// The only T.  Throws: std::bad_alloc.
template <class T>
T& kept() {
  static std::atomic<T*> only{nullptr};  // constant, so without a guard
  if (T* const known = only.load(std::memory_order_acquire)) return *known;  // pairs with below
  T* const made = new T;
  T* other = nullptr;
  if (only.compare_exchange_strong(other, made, std::memory_order_acq_rel)) return *made;
  delete made;
  return *other;
}

}  // namespace hook
WEFT_NAMESPACE_END
