// SPDX-License-Identifier: BSL-1.0
// The floating-point control bits (rounding, traps, flush to zero) where C++ has to deal with them:
// where a fiber begins, and where one ends. The switch between does it by itself. Status bits stay
// the thread's, or, under fcontext, the fiber's: fresh ones would make a later switch reload MXCSR,
// 71 ns against 4.7. Layer: context.  Source: System V ABI x86-64, 3.2.1; AAPCS64, 6.1.2.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/context.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

#if defined(__x86_64__)

// What is in force at construction.
class float_controls {
 public:
  float_controls() noexcept { asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr_), "=m"(x87_)); }

  // Loads these control bits if others are in force; nearly always none are, which saves 35 ns.
  void change_to(std::uint32_t mxcsr, std::uint16_t x87) noexcept {
    if (__builtin_expect(((mxcsr_ ^ mxcsr) & ~status_bits) == 0 && x87_ == x87, 1)) return;
    mxcsr_ = (mxcsr & ~status_bits) | (mxcsr_ & status_bits);
    x87_ = x87;
    load();
  }
  void change_to_default() noexcept { change_to(default_mxcsr, default_x87); }
  bool are_default() const noexcept {
    return (mxcsr_ & ~status_bits) == default_mxcsr && x87_ == default_x87;
  }
  void load() const noexcept { asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr_), "m"(x87_)); }

  static constexpr std::uint32_t default_mxcsr = 0x1f80;
  static constexpr std::uint16_t default_x87 = 0x37f;

 private:
  static constexpr std::uint32_t status_bits = 0x3f;

  std::uint32_t mxcsr_ = 0;
  std::uint16_t x87_ = 0;
};

#elif defined(__aarch64__) && WEFT_CONTEXT_ASM

class float_controls {
 public:
  float_controls() noexcept { asm volatile("mrs %0, fpcr" : "=r"(fpcr_)); }
  void change_to_default() const noexcept {
    if (__builtin_expect(fpcr_ != 0, 0)) asm volatile("msr fpcr, xzr");
  }

 private:
  std::uint64_t fpcr_ = 0;
};

#else

// fcontext neither saves nor sets FPCR on AArch64: it is the thread's there (HAZARD H10).
struct float_controls {
  void change_to_default() const noexcept {}
};

#endif

// Before a side is left for good, which no switch sees: what `next` had noted comes into force.
inline void leave_float_control([[maybe_unused]] const context& next) noexcept {
#if WEFT_CONTEXT_ASM && defined(__x86_64__)
  float_controls().change_to(next.mxcsr, next.x87_control);
#endif
}

}  // namespace detail
WEFT_NAMESPACE_END
