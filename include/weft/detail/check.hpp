// SPDX-License-Identifier: BSL-1.0
// How weft refuses: a broken invariant aborts with what is known, a caller's misuse throws.
// Layer: base. Used by every layer; the fiber's name in the text comes through a window
// (describe_current) that the loop fills.
#pragma once

#include <string>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Prints "weft: broken invariant: ..." with the place and the running fiber, then aborts.
[[noreturn]] WEFT_API void invariant_failed(const char* condition, const char* file,
                                            int line) noexcept;

// Prints "weft: <text>" through the report handler, then aborts: for errors that no caller can
// handle because no caller is left (pthread_exit in a fiber, an overflowed stack).
[[noreturn]] WEFT_API void fatal(const std::string& text) noexcept;

// Throws std::logic_error("weft: " + text).
[[noreturn]] WEFT_API void misuse(const std::string& text);

// Window: who is running, for messages. Set once by the loop layer; nullptr before.
using describe_function = std::string (*)();
WEFT_API void set_describe_current(describe_function describe) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END

// Always on: an invariant whose breach would corrupt memory or lose a wake-up.
#define WEFT_ASSERT(condition)        \
  (__builtin_expect(!!(condition), 1) \
       ? static_cast<void>(0)         \
       : ::weft::detail::invariant_failed(#condition, __FILE__, __LINE__))

// On with -Dassertions=true: an invariant on a path where even a compare is felt.
#if WEFT_ASSERTIONS
#define WEFT_DEBUG_ASSERT(condition) WEFT_ASSERT(condition)
#else
#define WEFT_DEBUG_ASSERT(condition) static_cast<void>(0)
#endif
