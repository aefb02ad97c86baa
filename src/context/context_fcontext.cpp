// SPDX-License-Identifier: BSL-1.0
// The fcontext backend: the only file that knows Boost. The switch itself is asm/fcontext_*.S;
// here a fresh context is prepared, and architectures without a thunk get a plain call, which is
// correct everywhere but leaves the return stack buffer unbalanced.
#include <boost/context/detail/fcontext.hpp>

#include <cstddef>

#include "../../asm/frame_fcontext.h"
#include "float_control.hpp"
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
  next->from = next;
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

void make_context(context& fresh, void* top, std::size_t bytes, context_entry entry) noexcept {
  fresh.entry = entry;
  fresh.from = nullptr;
  // make_fcontext copies the control words in force into the fresh frame.
#if defined(__x86_64__)
  float_controls present;
  if (__builtin_expect(!present.are_default(), 0)) {
    float_controls changed = present;
    changed.change_to_default();
    fresh.sp = fcontext::make_fcontext(top, bytes, &WEFT_C_NAME(context_entry));
    present.load();
    return;
  }
#endif
  fresh.sp = fcontext::make_fcontext(top, bytes, &WEFT_C_NAME(context_entry));
}

}  // namespace detail
WEFT_NAMESPACE_END
