// SPDX-License-Identifier: BSL-1.0
// Read call_on_stack_x86_64.S first; only the differences are told here.
//
//   void weft_..._call_on_stack(void* argument /* x0 */, void (*call)(void*) /* x1 */,
//                               void* top /* x2, 16-aligned */);
//
// The frame record (x29, x30) is found through x29, wherever sp is.
#include "weft/detail/config.hpp"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(call_on_stack)
        .hidden WEFT_C_NAME(call_on_stack)
        .type   WEFT_C_NAME(call_on_stack), %function
        .p2align 4
WEFT_C_NAME(call_on_stack):
        .cfi_startproc
        hint    #34                             // bti c
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x29, sp
        .cfi_def_cfa_register x29
        mov     sp, x2
        .type   __morestack, %function
__morestack:
        blr     x1
        mov     sp, x29
        .cfi_def_cfa_register sp
        ldp     x29, x30, [sp], #16
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   __morestack, . - __morestack
        .size   WEFT_C_NAME(call_on_stack), . - WEFT_C_NAME(call_on_stack)

        WEFT_ASM_END
