// SPDX-License-Identifier: BSL-1.0
// What a thread does between two looks at a word that another is about to write. Layer: base.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

inline void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // `yield` is a no-op on most cores
#endif
}

}  // namespace detail
WEFT_NAMESPACE_END
