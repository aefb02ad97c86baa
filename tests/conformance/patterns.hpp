// SPDX-License-Identifier: BSL-1.0
// What C++ cannot say about a switch: patterns in all callee-saved registers around a call, and
// paint below the stack pointer. Defined in patterns_<architecture>.S, which knows no backend: the
// function to call is an argument.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "support/build_kind.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/context.hpp"

#if WEFT_TESTS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

extern "C" {

// Calls what(a, b) with `in` in the callee-saved registers and stores what they hold afterwards.
void weft_tests_call_with_patterns(void (*what)(void*, void*), void* a, void* b,
                                   const std::uint64_t* in, std::uint64_t* out);

// Paints the 1024 bytes below its stack pointer, stores that in *where and calls what(a, b).
void weft_tests_call_over_paint(void (*what)(void*, void*), void* a, void* b, char** where);
}

namespace weft_tests {

#if defined(__x86_64__)
inline constexpr std::size_t pattern_words = 6;  // rbx rbp r12-r15
#else
inline constexpr std::size_t pattern_words = 19;  // x19-x29, d8-d15
#endif
using patterns = std::array<std::uint64_t, pattern_words>;

// Another word for every flow, round and register.
inline patterns patterns_of(std::uint64_t flow, std::uint64_t round) {
  patterns made;
  std::uint64_t word = flow * 0x9e3779b97f4a7c15U + round * 0xbf58476d1ce4e5b9U + 1;
  for (std::uint64_t& one : made) one = word = word * 6364136223846793005U + 1442695040888963407U;
  return made;
}

inline namespace WEFT_ABI_NAMESPACE {

// The switch itself, so that no C++ function saves a register on the way; `Flow` is a
// weft_tests::flow, and its control bits are not noted: patterns are not about them.
template <class Flow>
inline auto bare_switch([[maybe_unused]] Flow& to) {
#if WEFT_TESTS_TSAN
  __tsan_switch_to_fiber(to.tsan, 0);
#endif
  return reinterpret_cast<void (*)(void*, void*)>(&WEFT_C_NAME(context_switch));
}

}  // namespace WEFT_ABI_NAMESPACE
}  // namespace weft_tests
