// SPDX-License-Identifier: BSL-1.0
// The asm backend: the switch itself is asm/switch_<architecture>.S, a fresh context takes no more
// than three stores (weft/detail/context.hpp); here the assembler's offsets are held to the
// structs.
#include <cstddef>
#include <cstdint>

#include "suspended.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/context.hpp"

#if defined(__x86_64__)
#include "../../asm/frame_x86_64.h"
#elif defined(__aarch64__)
#include "../../asm/frame_aarch64.h"
#else
#error "weft's own assembly knows x86-64 and AArch64; build with -Dcontext=fcontext here"
#endif

extern "C" {
// In the middle of the switch, where its CFI describes the whole frame.
extern __attribute__((visibility("hidden"))) const char WEFT_C_NAME(context_suspended)[];
}

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

static_assert(offsetof(context, sp) == WEFT_CONTEXT_SP);
static_assert(offsetof(context, resume) == WEFT_CONTEXT_RESUME);
#if defined(__x86_64__)
static_assert(offsetof(context, mxcsr) == WEFT_CONTEXT_MXCSR);
static_assert(offsetof(context, x87_control) == WEFT_CONTEXT_X87);
#endif

// The frame as C++ sees it: what the assembler stores where.
#if defined(__x86_64__)
struct frame {
  std::uint64_t r15, r14, r13, r12, rbx, rbp;
  std::uint64_t return_address;
};
static_assert(offsetof(frame, r15) == WEFT_FRAME_R15);
static_assert(offsetof(frame, r14) == WEFT_FRAME_R14);
static_assert(offsetof(frame, r13) == WEFT_FRAME_R13);
static_assert(offsetof(frame, r12) == WEFT_FRAME_R12);
static_assert(offsetof(frame, rbx) == WEFT_FRAME_RBX);
static_assert(offsetof(frame, rbp) == WEFT_FRAME_RBP);
static_assert(offsetof(frame, return_address) == WEFT_FRAME_RETURN);
#else
struct frame {
  std::uint64_t fpcr;
  std::uint64_t unused;
  std::uint64_t d8, d9, d10, d11, d12, d13, d14, d15;
  std::uint64_t x19, x20, x21, x22, x23, x24, x25, x26, x27, x28;
  std::uint64_t x29, x30;
};
static_assert(offsetof(frame, fpcr) == WEFT_FRAME_FPCR);
static_assert(offsetof(frame, d8) == WEFT_FRAME_D8);
static_assert(offsetof(frame, d10) == WEFT_FRAME_D10);
static_assert(offsetof(frame, d12) == WEFT_FRAME_D12);
static_assert(offsetof(frame, d14) == WEFT_FRAME_D14);
static_assert(offsetof(frame, x19) == WEFT_FRAME_X19);
static_assert(offsetof(frame, x21) == WEFT_FRAME_X21);
static_assert(offsetof(frame, x23) == WEFT_FRAME_X23);
static_assert(offsetof(frame, x25) == WEFT_FRAME_X25);
static_assert(offsetof(frame, x27) == WEFT_FRAME_X27);
static_assert(offsetof(frame, x29) == WEFT_FRAME_X29);
static_assert(offsetof(frame, x30) == WEFT_FRAME_X30);
#endif
static_assert(sizeof(frame) == WEFT_FRAME_BYTES);

static_assert(sp_is_fresh == WEFT_SP_IS_FRESH && sp_is_inline == WEFT_SP_IS_INLINE);

constexpr std::uintptr_t inline_frame_bytes = 144;  // weft/detail/inline_switch.hpp

// Below an instrumented frame may lie what a sanitizer has poisoned for an earlier one.
WEFT_NOINLINE WEFT_NO_SANITIZE std::uintptr_t word_at(std::uintptr_t address) noexcept {
  return *reinterpret_cast<const std::uintptr_t*>(address);
}

}  // namespace

suspended_side look_at(const context& suspended) noexcept {
  suspended_side side;
  const auto sp = reinterpret_cast<std::uintptr_t>(suspended.sp);
  if (sp == 0 || (sp & sp_is_fresh) != 0) return side;
  if ((sp & sp_is_inline) != 0) {
    // The compiler was told that every register is lost but these two, which its code reloads.
    const std::uintptr_t frame = sp & ~std::uintptr_t{WEFT_SP_TAGS};
    side.pc = reinterpret_cast<std::uintptr_t>(suspended.resume);
    side.sp = frame + inline_frame_bytes;
    side.kept[0] = word_at(frame + 8);  // rbx
    side.kept[1] = word_at(frame);      // rbp
    side.caller = suspended.resume;
    return side;
  }
  side.pc = reinterpret_cast<std::uintptr_t>(WEFT_C_NAME(context_suspended));
  side.sp = sp;
#if defined(__x86_64__)
  side.caller = reinterpret_cast<const void*>(word_at(sp + WEFT_FRAME_RETURN));
#else
  side.caller = reinterpret_cast<const void*>(word_at(sp + WEFT_FRAME_X30));
#endif
  return side;
}

void learn_frame(void*, std::size_t) noexcept {}

}  // namespace detail
WEFT_NAMESPACE_END
