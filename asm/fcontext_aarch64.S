// SPDX-License-Identifier: BSL-1.0
// Read fcontext_x86_64.S first; only the differences are told here.
//
// Boost's AArch64 jump_fcontext leaves by `ret x4`, which takes an entry off the return stack as
// our `bl` put one on: it is balanced already. The thunk is left with the bookkeeping: it writes
// the handle of the side that came here into that side's context.
//
//   void weft_..._context_switch(context* self /* x0 */, context* to /* x1 */);
#include "weft/detail/config.hpp"
#include "frame_fcontext.h"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(context_switch)
        .type   WEFT_C_NAME(context_switch), %function
        .p2align 4
WEFT_C_NAME(context_switch):
        .cfi_startproc
        hint    #34                             // bti c
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x29, sp
        str     x0, [x1, #WEFT_CONTEXT_FROM]
        ldr     x0, [x1, #WEFT_CONTEXT_SP]      // data stays x1 = to
        adrp    x9, WEFT_C_NAME(jump_fcontext)
        ldr     x9, [x9, #:lo12:WEFT_C_NAME(jump_fcontext)]
        blr     x9                              // x0: the side that came here; x1: ourselves
        ldr     x9, [x1, #WEFT_CONTEXT_FROM]
        str     x0, [x9, #WEFT_CONTEXT_SP]
        ldp     x29, x30, [sp], #16
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   WEFT_C_NAME(context_switch), . - WEFT_C_NAME(context_switch)

// In: x0 = the side that came here, x1 = ourselves; sp is 16-aligned.
        .globl  WEFT_C_NAME(context_entry)
        .hidden WEFT_C_NAME(context_entry)
        .type   WEFT_C_NAME(context_entry), %function
        .p2align 4
WEFT_C_NAME(context_entry):
        .cfi_startproc
        .cfi_undefined x30
        hint    #38                             // bti jc: reached by `ret x4`, maybe by `br`
        ldr     x9, [x1, #WEFT_CONTEXT_FROM]
        str     x0, [x9, #WEFT_CONTEXT_SP]
        mov     x29, #0
        mov     x30, #0
        mov     x0, x1
        ldr     x9, [x1, #WEFT_CONTEXT_ENTRY]
        blr     x9                              // x0 = the context to continue with
        str     x0, [x0, #WEFT_CONTEXT_FROM]
        mov     x1, x0
        ldr     x0, [x1, #WEFT_CONTEXT_SP]
        adrp    x9, WEFT_C_NAME(jump_fcontext)
        ldr     x9, [x9, #:lo12:WEFT_C_NAME(jump_fcontext)]
        br      x9
        .cfi_endproc
        .size   WEFT_C_NAME(context_entry), . - WEFT_C_NAME(context_entry)

        WEFT_ASM_END
