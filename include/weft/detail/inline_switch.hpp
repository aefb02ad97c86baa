// SPDX-License-Identifier: BSL-1.0
// The switch as inline assembly: what -DWEFT_INLINE_SWITCH=1 makes of the hot paths in the sources
// that ask for it. Layer: context. Nothing is saved but what the compiler says it needs, and the
// jump ends in the suspended side's own code, so no return is mispredicted. It mixes freely with
// sides that asm/switch_x86_64.S suspended.
//
// Opt-in, because a compiler takes inline assembly at its word. What is known to go wrong:
// - a function with __attribute__((target("avx512f"))) in a source compiled without -mavx512f: the
//   list below then cannot name zmm16-31 and k1-7, and values in them are lost. Call yield() from
//   another function there.
// - debuggers cannot walk the stack of a side that is parked this way (a running one: as ever)
// - g++ may keep a file's static in a register over a function that it has proved not to write it,
//   inline assembly or not. The paths in park.hpp are safe because each can also call the library,
//   about which nothing is proved: keep it so.
// Refused: other processors, the fcontext backend. rbx and rbp are saved by hand: clang 14 crashes
// on an rbx clobber beside a variable-length array, and rbp may be the frame pointer.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/context.hpp"

#if WEFT_INLINE_SWITCH
#if !WEFT_CONTEXT_ASM
#error "WEFT_INLINE_SWITCH is a form of the asm backend: build weft with -Dcontext=asm"
#elif !defined(__x86_64__)
#error "WEFT_INLINE_SWITCH knows x86-64 only: leave it undefined"
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {

#if defined(__AVX512F__)
#define WEFT_DETAIL_CLOBBER_AVX512                                                              \
  , "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23", "xmm24", "xmm25",   \
      "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31", "k1", "k2", "k3", "k4", "k5", "k6", \
      "k7"
#else
#define WEFT_DETAIL_CLOBBER_AVX512
#endif

inline bool have_same_float_control(const context& a, const context& b) noexcept {
  constexpr std::uint32_t status_bits = 0x3f;
  return ((a.mxcsr ^ b.mxcsr) & ~status_bits) == 0 && a.x87_control == b.x87_control;
}

// As context_switch(), but float control is not looked at: the caller has compared it. Returns
// `self`, as whoever resumes it says: no load from the stack stands before its use then.
// Offsets: asm/frame_x86_64.h. 144 = the red zone of 128 bytes and two words.
[[gnu::always_inline]] inline context& switch_inline(context& self, context& to) noexcept {
  context* from = &self;
  context* target = &to;
  asm volatile(
      "leaq -144(%%rsp), %%rsp\n\t"
      "movq %%rbp, (%%rsp)\n\t"
      "movq %%rbx, 8(%%rsp)\n\t"
      "leaq 1f(%%rip), %%rdx\n\t"
      "leaq 2(%%rsp), %%rcx\n\t"  // WEFT_SP_IS_INLINE
      "movq (%%rsi), %%rax\n\t"
      "movq %%rdx, 8(%%rdi)\n\t"
      "movq %%rcx, (%%rdi)\n\t"
      "testb $2, %%al\n\t"
      "jz 2f\n\t"
      "jmp *8(%%rsi)\n"
      "2:\n\t"
      "jmp *" WEFT_C_NAME_STRING(context_continue) "@GOTPCREL(%%rip)\n"
      // rax: our own sp, whoever resumes us. Not loaded anew: between two fibers that wait at the
      // same line, the processor took the store of the other one for ours (4.7 ns instead of 2.4).
      "1:\n\t"
      "endbr64\n\t"
      "movq -2(%%rax), %%rbp\n\t"
      "movq 6(%%rax), %%rbx\n\t"
      "leaq 142(%%rax), %%rsp"
      : "+D"(from), "+S"(target)
      :
      : "rax", "rcx", "rdx", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15", "xmm0", "xmm1",
        "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7", "xmm8", "xmm9", "xmm10", "xmm11", "xmm12",
        "xmm13", "xmm14", "xmm15", "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)",
        "st(7)", "cc", "memory" WEFT_DETAIL_CLOBBER_AVX512);
  return *target;
}

#undef WEFT_DETAIL_CLOBBER_AVX512

}  // namespace detail
WEFT_NAMESPACE_END
#endif  // WEFT_INLINE_SWITCH
