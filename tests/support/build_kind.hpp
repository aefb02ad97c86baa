// SPDX-License-Identifier: BSL-1.0
// What this test program was built with, and how much work that leaves room for: sanitizers are
// several times slower, and each fiber costs ThreadSanitizer 60 KB.
// Used by tests that count rounds; a test that needs one of these says WEFT_SKIP otherwise.
#pragma once

#include <cstddef>
#include <cstdlib>

#if defined(__has_feature)
#define WEFT_TESTS_HAS_FEATURE(x) __has_feature(x)
#else
#define WEFT_TESTS_HAS_FEATURE(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || WEFT_TESTS_HAS_FEATURE(address_sanitizer)
#define WEFT_TESTS_ASAN 1
#else
#define WEFT_TESTS_ASAN 0
#endif

#if defined(__SANITIZE_THREAD__) || WEFT_TESTS_HAS_FEATURE(thread_sanitizer)
#define WEFT_TESTS_TSAN 1
#else
#define WEFT_TESTS_TSAN 0
#endif

namespace weft_tests {

inline constexpr bool is_asan = WEFT_TESTS_ASAN != 0;
inline constexpr bool is_tsan = WEFT_TESTS_TSAN != 0;
inline constexpr bool is_sanitized = is_asan || is_tsan;

// `full` rounds in a plain build, a part of them under a sanitizer.
constexpr std::size_t scaled(std::size_t full, std::size_t under_sanitizer) noexcept {
  return is_sanitized ? under_sanitizer : full;
}

// The same, times WEFT_TEST_TIMES where that is set: a torture of minutes, on demand.
inline std::size_t scaled_on_demand(std::size_t full, std::size_t under_sanitizer) {
  const char* const given = std::getenv("WEFT_TEST_TIMES");
  const std::size_t times = given != nullptr ? std::strtoul(given, nullptr, 10) : 1;
  return scaled(full, under_sanitizer) * (times > 0 ? times : 1);
}

}  // namespace weft_tests
