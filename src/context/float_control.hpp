// SPDX-License-Identifier: BSL-1.0
// The floating-point control bits (rounding, traps, flush to zero) that a new fiber starts with:
// the defaults, whoever runs before it. Status bits stay as they are: fresh ones would make a later
// switch reload MXCSR under fcontext, 71 ns against 4.7. Layer: context.
// Source: System V ABI x86-64, 3.2.1; AAPCS64, 6.1.2.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

#if defined(__x86_64__)

class float_control {
 public:
  float_control() noexcept { asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr_), "=m"(x87_)); }

  // True nearly always: then nothing needs to be loaded, which takes 35 ns.
  bool is_default() const noexcept {
    return (mxcsr_ & ~status_bits) == default_mxcsr && x87_ == default_x87;
  }
  void load_default() const noexcept { load(default_mxcsr | (mxcsr_ & status_bits), default_x87); }
  void load() const noexcept { load(mxcsr_, x87_); }

 private:
  static constexpr unsigned default_mxcsr = 0x1f80;
  static constexpr unsigned status_bits = 0x3f;
  static constexpr unsigned short default_x87 = 0x37f;

  static void load(unsigned mxcsr, unsigned short x87) noexcept {
    asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(mxcsr), "m"(x87));
  }

  unsigned mxcsr_ = 0;
  unsigned short x87_ = 0;
};

#elif defined(__aarch64__) && WEFT_CONTEXT_ASM

class float_control {
 public:
  float_control() noexcept { asm volatile("mrs %0, fpcr" : "=r"(fpcr_)); }
  bool is_default() const noexcept { return fpcr_ == 0; }
  void load_default() const noexcept { asm volatile("msr fpcr, xzr"); }
  void load() const noexcept { asm volatile("msr fpcr, %0" : : "r"(fpcr_)); }

 private:
  unsigned long fpcr_ = 0;
};

#else

// fcontext neither saves nor sets FPCR on AArch64: it is the thread's there (HAZARD H10).
class float_control {
 public:
  bool is_default() const noexcept { return true; }
  void load_default() const noexcept {}
  void load() const noexcept {}
};

#endif

}  // namespace detail
WEFT_NAMESPACE_END
