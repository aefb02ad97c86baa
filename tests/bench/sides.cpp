// SPDX-License-Identifier: BSL-1.0
// Which sides this build has: see meson.build.
#include "sides.hpp"

namespace bench {

std::vector<const side*> all_sides() {
  return {
#if BENCH_HAVE_WEFT_FCONTEXT
    &weft_fcontext_side,
#endif
#if BENCH_HAVE_WEFT_ASM
        &weft_asm_side, &weft_asm_shared_side,
#endif
#if BENCH_HAVE_WEFT_INLINE
        &weft_inline_side,
#endif
#if BENCH_HAVE_FCONTEXT
        &fcontext_side,
#endif
#if BENCH_HAVE_BOOST_FIBER
        &boost_fiber_side, &boost_fiber_protected_side,
#endif
#if BENCH_HAVE_COROUTINES
        &coroutine_side, &coroutine_tick_side, &coroutine_generator_side, &coroutine_malloc_side,
#endif
#if BENCH_HAVE_BOOST_COROUTINE
        &boost_coroutine_side,
#endif
#if BENCH_HAVE_GO
        &go_side,
#endif
#if BENCH_HAVE_ASYNCIO
        &asyncio_side,
#endif
        &callback_side,
  };
}

}  // namespace bench
