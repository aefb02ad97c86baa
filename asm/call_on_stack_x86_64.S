// SPDX-License-Identifier: BSL-1.0
// Calls a function on another stack and comes back: what with_stack() stands on.
//
//   void weft_..._call_on_stack(void* argument /* rdi */, void (*call)(void*) /* rsi */,
//                               void* top /* rdx, 16-aligned: the high end of the other stack */);
//
// No switch: the flow of control stays one, only rsp goes elsewhere for the time of the call. So
// nothing is saved but rbp; `call` keeps the other callee-saved registers, as any function does,
// and MXCSR, x87 word and the return stack buffer never notice. `call` must not throw: the C++ side
// carries exceptions over (src/loop/with_stack.cpp), because AddressSanitizer must be told of the
// way back, too.
//
//   the caller's stack                               the other stack
//   +---------------------------------+ <- CFA       +---------------------------------+ <- top
//   | return address                  |              | return address into this        |
//   +---------------------------------+              | function                        |
//   | rbp of the caller               |              +---------------------------------+
//   +---------------------------------+ <- rbp       | frames of `call` ...            |
//
// Unwinding. The frame is found through rbp, wherever rsp is: `call` keeps rbp or saves it, so a
// debugger, backtrace(3) and a profiler that follows frame pointers walk from one stack into the
// other.
#include "weft/detail/config.hpp"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(call_on_stack)
        .hidden WEFT_C_NAME(call_on_stack)
        .type   WEFT_C_NAME(call_on_stack), @function
        .p2align 4
WEFT_C_NAME(call_on_stack):
        .cfi_startproc
        endbr64
        pushq   %rbp
        .cfi_def_cfa_offset 16
        .cfi_offset rbp, -16
        movq    %rsp, %rbp
        .cfi_def_cfa_register rbp               // from here on rsp says nothing about our frame
        movq    %rdx, %rsp                      // 16n at the call, as the ABI wants
// The other stack may lie above this one. gdb takes such a step for a corrupt stack, except out of
// a function of this name, which is split-stack's and does the same (gdb/frame.c). A local symbol:
// it meets nobody's.
        .type   __morestack, @function
__morestack:
        call    *%rsi
        movq    %rbp, %rsp
        popq    %rbp
        .cfi_def_cfa rsp, 8
        .cfi_restore rbp
        ret
        .cfi_endproc
        .size   __morestack, . - __morestack
        .size   WEFT_C_NAME(call_on_stack), . - WEFT_C_NAME(call_on_stack)

        WEFT_ASM_END
