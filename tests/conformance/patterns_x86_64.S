// SPDX-License-Identifier: BSL-1.0
// Patterns in registers and paint on the stack around a call: patterns.hpp says what for.
#include "property_note.h"

        .text

// rdi what, rsi a, rdx b, rcx in, r8 out
        .globl  weft_tests_call_with_patterns
        .hidden weft_tests_call_with_patterns
        .type   weft_tests_call_with_patterns, @function
        .p2align 4
weft_tests_call_with_patterns:
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        pushq   %r12
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r12, 0
        pushq   %r13
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r13, 0
        pushq   %r14
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r14, 0
        pushq   %r15
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset r15, 0
        pushq   %r8                             // rsp is a multiple of 16 again
        .cfi_adjust_cfa_offset 8
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        movq    (%rcx), %rbx
        movq    8(%rcx), %rbp
        movq    16(%rcx), %r12
        movq    24(%rcx), %r13
        movq    32(%rcx), %r14
        movq    40(%rcx), %r15
        call    *%rax
        popq    %r8
        .cfi_adjust_cfa_offset -8
        movq    %rbx, (%r8)
        movq    %rbp, 8(%r8)
        movq    %r12, 16(%r8)
        movq    %r13, 24(%r8)
        movq    %r14, 32(%r8)
        movq    %r15, 40(%r8)
        popq    %r15
        .cfi_adjust_cfa_offset -8
        .cfi_restore r15
        popq    %r14
        .cfi_adjust_cfa_offset -8
        .cfi_restore r14
        popq    %r13
        .cfi_adjust_cfa_offset -8
        .cfi_restore r13
        popq    %r12
        .cfi_adjust_cfa_offset -8
        .cfi_restore r12
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbp
        ret
        .cfi_endproc
        .size   weft_tests_call_with_patterns, . - weft_tests_call_with_patterns

// rdi what, rsi a, rdx b, rcx where
        .globl  weft_tests_call_over_paint
        .hidden weft_tests_call_over_paint
        .type   weft_tests_call_over_paint, @function
        .p2align 4
weft_tests_call_over_paint:
        .cfi_startproc
        endbr64
        subq    $8, %rsp
        .cfi_adjust_cfa_offset 8
        movq    %rsp, (%rcx)
        leaq    -1024(%rsp), %rax
.Lpaint:
        movb    $0xa5, (%rax)
        incq    %rax
        cmpq    %rsp, %rax
        jne     .Lpaint
        movq    %rdi, %rax
        movq    %rsi, %rdi
        movq    %rdx, %rsi
        call    *%rax
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
        ret
        .cfi_endproc
        .size   weft_tests_call_over_paint, . - weft_tests_call_over_paint

        WEFT_ASM_END
