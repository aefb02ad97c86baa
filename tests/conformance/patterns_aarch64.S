// SPDX-License-Identifier: BSL-1.0
// Patterns in registers and paint on the stack around a call: patterns.hpp says what for.
#include "property_note.h"

        .text

// x0 what, x1 a, x2 b, x3 in, x4 out
        .globl  weft_tests_call_with_patterns
        .hidden weft_tests_call_with_patterns
        .type   weft_tests_call_with_patterns, %function
        .p2align 4
weft_tests_call_with_patterns:
        .cfi_startproc
        hint    #34                             // bti c
        stp     x29, x30, [sp, #-176]!
        .cfi_def_cfa_offset 176
        .cfi_offset x29, -176
        .cfi_offset x30, -168
        stp     x19, x20, [sp, #16]
        stp     x21, x22, [sp, #32]
        stp     x23, x24, [sp, #48]
        stp     x25, x26, [sp, #64]
        stp     x27, x28, [sp, #80]
        stp     d8, d9, [sp, #96]
        stp     d10, d11, [sp, #112]
        stp     d12, d13, [sp, #128]
        stp     d14, d15, [sp, #144]
        str     x4, [sp, #160]
        mov     x9, x0
        mov     x0, x1
        mov     x1, x2
        ldp     x19, x20, [x3]
        ldp     x21, x22, [x3, #16]
        ldp     x23, x24, [x3, #32]
        ldp     x25, x26, [x3, #48]
        ldp     x27, x28, [x3, #64]
        ldr     x29, [x3, #80]
        ldp     d8, d9, [x3, #88]
        ldp     d10, d11, [x3, #104]
        ldp     d12, d13, [x3, #120]
        ldp     d14, d15, [x3, #136]
        blr     x9
        ldr     x4, [sp, #160]
        stp     x19, x20, [x4]
        stp     x21, x22, [x4, #16]
        stp     x23, x24, [x4, #32]
        stp     x25, x26, [x4, #48]
        stp     x27, x28, [x4, #64]
        str     x29, [x4, #80]
        stp     d8, d9, [x4, #88]
        stp     d10, d11, [x4, #104]
        stp     d12, d13, [x4, #120]
        stp     d14, d15, [x4, #136]
        ldp     x19, x20, [sp, #16]
        ldp     x21, x22, [sp, #32]
        ldp     x23, x24, [sp, #48]
        ldp     x25, x26, [sp, #64]
        ldp     x27, x28, [sp, #80]
        ldp     d8, d9, [sp, #96]
        ldp     d10, d11, [sp, #112]
        ldp     d12, d13, [sp, #128]
        ldp     d14, d15, [sp, #144]
        ldp     x29, x30, [sp], #176
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   weft_tests_call_with_patterns, . - weft_tests_call_with_patterns

// x0 what, x1 a, x2 b, x3 where
        .globl  weft_tests_call_over_paint
        .hidden weft_tests_call_over_paint
        .type   weft_tests_call_over_paint, %function
        .p2align 4
weft_tests_call_over_paint:
        .cfi_startproc
        hint    #34                             // bti c
        stp     x29, x30, [sp, #-16]!
        .cfi_def_cfa_offset 16
        .cfi_offset x29, -16
        .cfi_offset x30, -8
        mov     x29, sp
        str     x29, [x3]
        sub     x10, sp, #1024
        mov     w11, #0xa5
.Lpaint:
        strb    w11, [x10], #1
        cmp     x10, x29
        b.ne    .Lpaint
        mov     x9, x0
        mov     x0, x1
        mov     x1, x2
        blr     x9
        ldp     x29, x30, [sp], #16
        .cfi_restore x29
        .cfi_restore x30
        .cfi_def_cfa_offset 0
        ret
        .cfi_endproc
        .size   weft_tests_call_over_paint, . - weft_tests_call_over_paint

        WEFT_ASM_END
