// SPDX-License-Identifier: BSL-1.0
// Which sides this build has: see meson.build.
#include "sides.hpp"

namespace cost {

std::vector<const side*> principal_sides() {
  return {
#if COST_HAVE_WEFT_FCONTEXT
    &weft_fcontext_side,
#endif
#if COST_HAVE_WEFT_ASM
        &weft_asm_side, &weft_asm_shared_side,
#endif
#if COST_HAVE_WEFT_INLINE
        &weft_inline_side,
#endif
#if COST_HAVE_WEFT_FCONTEXT && COST_HAVE_COROUTINES
        &weft_fcontext_interop_side,
#endif
#if COST_HAVE_WEFT_ASM && COST_HAVE_COROUTINES
        &weft_asm_interop_side,
#endif
#if COST_HAVE_FCONTEXT
        &fcontext_side,
#endif
#if COST_HAVE_BOOST_FIBER
        &boost_fiber_side, &boost_fiber_protected_side,
#endif
#if COST_HAVE_COROUTINES
        &coroutine_pool_side, &coroutine_generator_side, &coroutine_malloc_side,
        &coroutine_generator_malloc_side, &coroutine_tick_side,
#endif
#if COST_HAVE_BOOST_COROUTINE
        &boost_coroutine_side,
#endif
#if COST_HAVE_GO
        &go_side,
#endif
#if COST_HAVE_ASYNCIO
        &asyncio_side,
#endif
        &callback_side,
  };
}

std::vector<const side*> all_sides() {
  std::vector<const side*> all = principal_sides();
  all.insert(all.end(), {&call_side, &ucontext_side, &thread_side, &process_side});
  return all;
}

}  // namespace cost
