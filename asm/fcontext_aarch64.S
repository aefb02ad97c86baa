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
        .globl  WEFT_C_NAME(context_arrived)    // src/context/context_fcontext.cpp looks for it
        .hidden WEFT_C_NAME(context_arrived)
WEFT_C_NAME(context_arrived):
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

// void weft_..._context_probe(void* other /* x0 */, std::uintptr_t* words /* x1 */);
        .globl  WEFT_C_NAME(context_probe)
        .hidden WEFT_C_NAME(context_probe)
        .type   WEFT_C_NAME(context_probe), %function
        .p2align 4
WEFT_C_NAME(context_probe):
        .cfi_startproc
        hint    #34                             // bti c
        stp     x29, x30, [sp, #-96]!
        .cfi_def_cfa_offset 96
        .cfi_rel_offset x29, 0
        .cfi_rel_offset x30, 8
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        .cfi_rel_offset x19, 16
        .cfi_rel_offset x20, 24
        .cfi_rel_offset x21, 32
        .cfi_rel_offset x22, 40
        .cfi_rel_offset x23, 48
        .cfi_rel_offset x24, 56
        .cfi_rel_offset x25, 64
        .cfi_rel_offset x26, 72
        .cfi_rel_offset x27, 80
        .cfi_rel_offset x28, 88
        mov     x9, sp
        str     x9, [x1]
        movz    x9, #WEFT_PROBE_VALUE_LOW
        movk    x9, #WEFT_PROBE_VALUE_MIDDLE, lsl #16
        movk    x9, #WEFT_PROBE_VALUE_HIGH, lsl #32
        add     x19, x9, #0
        add     x20, x9, #1
        add     x21, x9, #2
        add     x22, x9, #3
        add     x23, x9, #4
        add     x24, x9, #5
        add     x25, x9, #6
        add     x26, x9, #7
        add     x27, x9, #8
        add     x28, x9, #9
        add     x29, x9, #10
        adrp    x9, WEFT_C_NAME(jump_fcontext)
        ldr     x9, [x9, #:lo12:WEFT_C_NAME(jump_fcontext)]
        blr     x9
        .globl  WEFT_C_NAME(context_probe_arrived)
        .hidden WEFT_C_NAME(context_probe_arrived)
WEFT_C_NAME(context_probe_arrived):
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     x29, x30, [sp], #96
        .cfi_def_cfa_offset 0
        .cfi_restore x19
        .cfi_restore x20
        .cfi_restore x21
        .cfi_restore x22
        .cfi_restore x23
        .cfi_restore x24
        .cfi_restore x25
        .cfi_restore x26
        .cfi_restore x27
        .cfi_restore x28
        .cfi_restore x29
        .cfi_restore x30
        ret
        .cfi_endproc
        .size   WEFT_C_NAME(context_probe), . - WEFT_C_NAME(context_probe)

// In: x0 = the side that came here, x1 = words.
        .globl  WEFT_C_NAME(context_probed)
        .hidden WEFT_C_NAME(context_probed)
        .type   WEFT_C_NAME(context_probed), %function
        .p2align 4
WEFT_C_NAME(context_probed):
        .cfi_startproc
        .cfi_undefined x30
        hint    #38                             // bti jc
        str     x0, [x1, #8]
        ldr     x9, [x1]                        // where to stop
        mov     x10, x0
        add     x11, x1, #16
        add     x12, x11, #8 * WEFT_PROBE_WORDS
.Lcopy:
        cmp     x10, x9
        b.hs    .Lcopied
        cmp     x11, x12
        b.hs    .Lcopied
        ldr     x13, [x10], #8
        str     x13, [x11], #8
        b       .Lcopy
.Lcopied:
        adrp    x9, WEFT_C_NAME(jump_fcontext)
        ldr     x9, [x9, #:lo12:WEFT_C_NAME(jump_fcontext)]
        br      x9
        .cfi_endproc
        .size   WEFT_C_NAME(context_probed), . - WEFT_C_NAME(context_probed)

        WEFT_ASM_END
