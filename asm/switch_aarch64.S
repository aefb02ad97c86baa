// SPDX-License-Identifier: BSL-1.0
// Read switch_x86_64.S first; only the differences are told here.
//
//   void weft_..._context_switch(context* self /* x0 */, context* to /* x1 */);
//
//   suspended                                   (frame_aarch64.h)
//   +---------------------------+ higher
//   | ... frames of the fiber   |
//   | x29, x30                  | 0xa0  a frame record, so frame walkers pass through the switch
//   | x19 ... x28               | 0x50
//   | d8 ... d15                | 0x10  the low halves of v8-v15: all that a callee keeps
//   | FPCR, unused              | 0x00
//   +---------------------------+ <- context::sp
//
// FPCR holds control bits only and is kept per fiber; FPSR holds status bits and is the thread's
// (AAPCS64, 6.1.2). x18 is left alone: it is the platform's. x30 is signed by nobody between our
// entry and our ret, so pointer authentication of the callers is not disturbed: each of them
// checks its own return address with its own sp. fcontext does not save FPCR; this backend does.
#include "weft/detail/config.hpp"
#include "frame_aarch64.h"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(context_switch)
        .type   WEFT_C_NAME(context_switch), %function
        .p2align 6
WEFT_C_NAME(context_switch):
        .cfi_startproc
        hint    #34                                     // bti c
        ldr     x9, [x1, #WEFT_CONTEXT_SP]
        mrs     x10, fpcr
        sub     sp, sp, #WEFT_FRAME_BYTES
        .cfi_adjust_cfa_offset WEFT_FRAME_BYTES
        str     x10, [sp, #WEFT_FRAME_FPCR]
        stp     d8, d9, [sp, #WEFT_FRAME_D8]
        stp     d10, d11, [sp, #WEFT_FRAME_D10]
        stp     d12, d13, [sp, #WEFT_FRAME_D12]
        stp     d14, d15, [sp, #WEFT_FRAME_D14]
        stp     x19, x20, [sp, #WEFT_FRAME_X19]
        stp     x21, x22, [sp, #WEFT_FRAME_X21]
        stp     x23, x24, [sp, #WEFT_FRAME_X23]
        stp     x25, x26, [sp, #WEFT_FRAME_X25]
        stp     x27, x28, [sp, #WEFT_FRAME_X27]
        stp     x29, x30, [sp, #WEFT_FRAME_X29]
        .cfi_rel_offset d8, WEFT_FRAME_D8
        .cfi_rel_offset d9, WEFT_FRAME_D8 + 8
        .cfi_rel_offset d10, WEFT_FRAME_D10
        .cfi_rel_offset d11, WEFT_FRAME_D10 + 8
        .cfi_rel_offset d12, WEFT_FRAME_D12
        .cfi_rel_offset d13, WEFT_FRAME_D12 + 8
        .cfi_rel_offset d14, WEFT_FRAME_D14
        .cfi_rel_offset d15, WEFT_FRAME_D14 + 8
        .cfi_rel_offset x19, WEFT_FRAME_X19
        .cfi_rel_offset x20, WEFT_FRAME_X19 + 8
        .cfi_rel_offset x21, WEFT_FRAME_X21
        .cfi_rel_offset x22, WEFT_FRAME_X21 + 8
        .cfi_rel_offset x23, WEFT_FRAME_X23
        .cfi_rel_offset x24, WEFT_FRAME_X23 + 8
        .cfi_rel_offset x25, WEFT_FRAME_X25
        .cfi_rel_offset x26, WEFT_FRAME_X25 + 8
        .cfi_rel_offset x27, WEFT_FRAME_X27
        .cfi_rel_offset x28, WEFT_FRAME_X27 + 8
        .cfi_rel_offset x29, WEFT_FRAME_X29
        .cfi_rel_offset x30, WEFT_FRAME_X30
        mov     x11, sp
        str     x11, [x0, #WEFT_CONTEXT_SP]
        .globl  WEFT_C_NAME(context_suspended)
        .hidden WEFT_C_NAME(context_suspended)
WEFT_C_NAME(context_suspended):
        tbnz    x9, #0, .Lfresh
.Lresume:                                               // x9: a frame; x10: the present FPCR
        mov     sp, x9
        ldr     x11, [sp, #WEFT_FRAME_FPCR]
        cmp     x10, x11
        b.ne    .Lload_controls                         // rare, and a load serialises
.Lreload:
        ldp     d8, d9, [sp, #WEFT_FRAME_D8]
        ldp     d10, d11, [sp, #WEFT_FRAME_D10]
        ldp     d12, d13, [sp, #WEFT_FRAME_D12]
        ldp     d14, d15, [sp, #WEFT_FRAME_D14]
        ldp     x19, x20, [sp, #WEFT_FRAME_X19]
        ldp     x21, x22, [sp, #WEFT_FRAME_X21]
        ldp     x23, x24, [sp, #WEFT_FRAME_X23]
        ldp     x25, x26, [sp, #WEFT_FRAME_X25]
        ldp     x27, x28, [sp, #WEFT_FRAME_X27]
        ldp     x29, x30, [sp, #WEFT_FRAME_X29]
        .cfi_remember_state
        add     sp, sp, #WEFT_FRAME_BYTES
        .cfi_adjust_cfa_offset -WEFT_FRAME_BYTES
        .cfi_restore d8
        .cfi_restore d9
        .cfi_restore d10
        .cfi_restore d11
        .cfi_restore d12
        .cfi_restore d13
        .cfi_restore d14
        .cfi_restore d15
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
        ret                                             // takes off what our bl pushed

.Lload_controls:
        .cfi_restore_state
        msr     fpcr, x11
        b       .Lreload
        .cfi_endproc
        .size   WEFT_C_NAME(context_switch), . - WEFT_C_NAME(context_switch)

// In: x9 = its stack's top | 1, x1 = the context, x10 = the present FPCR.
        .globl  WEFT_C_NAME(context_entry)
        .hidden WEFT_C_NAME(context_entry)
        .type   WEFT_C_NAME(context_entry), %function
        .p2align 4
WEFT_C_NAME(context_entry):
        .cfi_startproc
        .cfi_undefined x30
.Lfresh:
        sub     x9, x9, #WEFT_SP_IS_FRESH
        mov     sp, x9
        mov     x29, #0
        mov     x30, #0
        cbnz    x10, .Lload_defaults                    // the default FPCR is 0
.Lrun:
        mov     x0, x1
        ldr     x9, [x1, #WEFT_CONTEXT_RESUME]
        blr     x9                                      // x0 = the context to continue with
        mov     x1, x0
        ldr     x9, [x1, #WEFT_CONTEXT_SP]
        mrs     x10, fpcr
        tbz     x9, #0, .Lresume
        b       .Lfresh

.Lload_defaults:
        msr     fpcr, xzr
        b       .Lrun
        .cfi_endproc
        .size   WEFT_C_NAME(context_entry), . - WEFT_C_NAME(context_entry)

        WEFT_ASM_END
