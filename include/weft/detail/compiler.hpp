// SPDX-License-Identifier: BSL-1.0
// What weft asks of the compiler beyond the standard. Layer: base. Used by every layer; knows
// nothing of fibers. Only g++ and clang are supported, so there is one spelling of each.
#pragma once

#define WEFT_LIKELY(x) __builtin_expect(!!(x), 1)
#define WEFT_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define WEFT_NOINLINE [[gnu::noinline]]
#define WEFT_INLINE [[gnu::always_inline]] inline

// For a function that catches abi::__forced_unwind: the runtime binds its reference to null. Not
// inlined: g++ instruments what was inlined as the caller wants it.
#define WEFT_NO_SANITIZE_NULL __attribute__((noinline, no_sanitize("null")))

// A function that the sanitizers must leave alone: it runs while the thread is between two stacks.
#if defined(__clang__)
#if __has_attribute(disable_sanitizer_instrumentation)
#define WEFT_NO_SANITIZE \
  __attribute__((no_sanitize("address", "thread", "undefined"), disable_sanitizer_instrumentation))
#else
#define WEFT_NO_SANITIZE __attribute__((no_sanitize("address", "thread", "undefined")))
#endif
#else
#define WEFT_NO_SANITIZE \
  __attribute__((no_sanitize_address, no_sanitize_thread, no_sanitize_undefined))
#endif
