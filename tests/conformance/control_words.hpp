// SPDX-License-Identifier: BSL-1.0
// The floating-point control words as the processor has them, for the checks of who keeps them.
#pragma once

#include <cfenv>
#include <cstdint>

#include "weft/detail/config.hpp"

namespace weft_tests {

// fcontext leaves FPCR, AArch64's only control word, to the thread; all else is kept per side.
#if defined(__aarch64__) && !WEFT_CONTEXT_ASM
#define WEFT_TESTS_KEEPS_CONTROLS 0
#else
#define WEFT_TESTS_KEEPS_CONTROLS 1
#endif

#if defined(__x86_64__)

inline constexpr std::uint32_t status_bits = 0x3f;
inline constexpr std::uint32_t flush_to_zero = 0x8040;  // FTZ and DAZ
inline constexpr std::uint32_t default_vector_control = 0x1f80;

inline std::uint32_t vector_word() {
  std::uint32_t word = 0;
  asm volatile("stmxcsr %0" : "=m"(word));
  return word;
}
inline std::uint32_t vector_control() { return vector_word() & ~status_bits; }
// As _mm_setcsr() does: the x87 unit is not told.
inline void set_vector_control(std::uint32_t control) {
  const std::uint32_t word = control | (vector_word() & status_bits);
  asm volatile("ldmxcsr %0" : : "m"(word));
}

inline constexpr std::uint16_t default_x87_control = 0x37f;

inline std::uint16_t x87_control() {
  std::uint16_t word = 0;
  asm volatile("fnstcw %0" : "=m"(word));
  return word;
}
inline void set_x87_control(std::uint16_t word) { asm volatile("fldcw %0" : : "m"(word)); }

#else

inline constexpr std::uint64_t flush_to_zero = std::uint64_t{1} << 24;  // FZ
inline constexpr std::uint64_t default_vector_control = 0;

inline std::uint64_t vector_control() {
  std::uint64_t word = 0;
  asm volatile("mrs %0, fpcr" : "=r"(word));
  return word;
}
inline void set_vector_control(std::uint64_t word) { asm volatile("msr fpcr, %0" : : "r"(word)); }

#endif

inline constexpr int rounding_modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

// Whatever a check sets is gone at its end.
class controls_restored {
 public:
  controls_restored() { std::fegetenv(&before_); }
  ~controls_restored() { std::fesetenv(&before_); }
  controls_restored(const controls_restored&) = delete;
  controls_restored& operator=(const controls_restored&) = delete;

 private:
  std::fenv_t before_;
};

}  // namespace weft_tests
