// SPDX-License-Identifier: BSL-1.0
// The sides by name, one for each object that the build may or may not have made.
#pragma once

#include "side.hpp"

namespace cost {

extern const side weft_fcontext_side;
extern const side weft_asm_side;
extern const side weft_asm_shared_side;  // options::float_control per thread
extern const side weft_inline_side;
extern const side weft_fcontext_interop_side;  // with coroutines; under weft's own name
extern const side weft_asm_interop_side;
extern const side fcontext_side;
extern const side boost_fiber_side;
extern const side boost_fiber_protected_side;
extern const side coroutine_pool_side;
extern const side coroutine_malloc_side;
extern const side coroutine_tick_side;
extern const side coroutine_generator_side;  // frames from a pool
extern const side coroutine_generator_malloc_side;
extern const side boost_coroutine_side;
extern const side callback_side;
extern const side call_side;
extern const side ucontext_side;
extern const side thread_side;
extern const side process_side;
extern const side go_side;
extern const side asyncio_side;

}  // namespace cost
