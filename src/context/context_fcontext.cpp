// SPDX-License-Identifier: BSL-1.0
// The fcontext backend: the only file that knows Boost. The switch itself is asm/fcontext_*.S;
// here a fresh context is prepared, and architectures without a thunk get a plain call, which is
// correct everywhere but leaves the return stack buffer unbalanced.
#include <boost/context/detail/fcontext.hpp>

#include <cstddef>

#include "../../asm/frame_fcontext.h"
#include "weft/detail/compiler.hpp"
#include "weft/detail/context.hpp"

namespace fcontext = boost::context::detail;

static_assert(offsetof(weft::detail::context, sp) == WEFT_CONTEXT_SP);
static_assert(offsetof(weft::detail::context, from) == WEFT_CONTEXT_FROM);
static_assert(offsetof(weft::detail::context, entry) == WEFT_CONTEXT_ENTRY);

#if defined(__x86_64__) || defined(__aarch64__)

extern "C" {
// Read by the thunks. Through the address, not the symbol's name: Boost 1.87 renamed it.
extern __attribute__((visibility("hidden"))) decltype(&fcontext::jump_fcontext)
    const WEFT_C_NAME(jump_fcontext);
decltype(&fcontext::jump_fcontext) const WEFT_C_NAME(jump_fcontext) = &fcontext::jump_fcontext;
// Defined in asm/fcontext_*.S.
void WEFT_C_NAME(context_entry)(fcontext::transfer_t);
}

#else

extern "C" {

WEFT_NO_SANITIZE static void WEFT_C_NAME(context_entry)(fcontext::transfer_t came) {
  auto* const self = static_cast<weft::detail::context*>(came.data);
  self->from->sp = came.fctx;
  weft::detail::context* const next = self->entry(self);
  next->from = self;
  fcontext::jump_fcontext(next->sp, next);
  __builtin_unreachable();
}

WEFT_NO_SANITIZE WEFT_NOINLINE void WEFT_C_NAME(context_switch)(
    weft::detail::context* self, weft::detail::context* to) noexcept {
  to->from = self;
  const fcontext::transfer_t came = fcontext::jump_fcontext(to->sp, to);
  static_cast<weft::detail::context*>(came.data)->from->sp = came.fctx;
}
}

#endif

WEFT_NAMESPACE_BEGIN
namespace detail {

namespace {

// make_fcontext copies the present floating-point control words into the fresh frame. A fiber shall
// start with the default ones (rounding to nearest, no traps) and with the sticky flags of its
// creator: clean flags would make every switch between the two reload MXCSR, 71 ns against 4.7.
#if defined(__x86_64__)
class default_float_control {
 public:
  default_float_control() noexcept {
    asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(mxcsr_), "=m"(x87_));
    set(default_mxcsr | (mxcsr_ & sticky_flags), default_x87);
  }
  ~default_float_control() { set(mxcsr_, x87_); }
  default_float_control(const default_float_control&) = delete;
  default_float_control& operator=(const default_float_control&) = delete;

 private:
  static constexpr unsigned default_mxcsr = 0x1f80;  // Source: System V ABI x86-64, 3.2.1
  static constexpr unsigned sticky_flags = 0x3f;
  static constexpr unsigned short default_x87 = 0x37f;

  // Mostly they are the default: then nothing is loaded, which would cost 35 ns.
  void set(unsigned mxcsr, unsigned short x87) const noexcept {
    if ((mxcsr_ & ~sticky_flags) != default_mxcsr) asm volatile("ldmxcsr %0" : : "m"(mxcsr));
    if (x87_ != default_x87) asm volatile("fldcw %0" : : "m"(x87));
  }

  unsigned mxcsr_ = default_mxcsr;
  unsigned short x87_ = default_x87;
};
#else
// AArch64: fcontext neither saves nor sets FPCR; it is the thread's (HAZARD H10).
struct default_float_control {
  default_float_control() noexcept {}
};
#endif

}  // namespace

void make_context(context& fresh, void* top, std::size_t bytes, context_entry entry) noexcept {
  const default_float_control during_make;
  fresh.entry = entry;
  fresh.from = nullptr;
  fresh.sp = fcontext::make_fcontext(top, bytes, &WEFT_C_NAME(context_entry));
}

}  // namespace detail
WEFT_NAMESPACE_END
