// SPDX-License-Identifier: BSL-1.0
// The switch between two sides that run different code, over Boost's stock jump_fcontext.
// Read fcontext_x86_64.S first, and hop_x86_64.S for why this one ends in a jump: the label does
// what context_switch's does, and then jumps where that one returns.
//
//   void weft_..._context_hop(context* self /* rdi */, context* to /* rsi */);
#include "weft/detail/config.hpp"
#include "frame_fcontext.h"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(context_hop)
        .type   WEFT_C_NAME(context_hop), @function
        .p2align 4
WEFT_C_NAME(context_hop):
        .cfi_startproc
        endbr64
        movq    %rdi, WEFT_CONTEXT_FROM(%rsi)   // the resumed side learns whom it must save
        movq    WEFT_CONTEXT_SP(%rsi), %rdi
        leaq    .Larrived(%rip), %rax
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        jmp     *WEFT_C_NAME(jump_fcontext)(%rip)

        .p2align 4
.Larrived:                                      // rax: the side that came here; rdx: ourselves
        .cfi_adjust_cfa_offset -8               // jump_fcontext popped the label
        endbr64                                 // reached by an indirect jump
        movq    WEFT_CONTEXT_FROM(%rdx), %rcx
        movq    %rax, WEFT_CONTEXT_SP(%rcx)
        movq    %rdx, %rax
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register rip, rcx
        notrack jmp *%rcx                       // to behind a call, where no endbr64 stands
        .cfi_endproc
        .size   WEFT_C_NAME(context_hop), . - WEFT_C_NAME(context_hop)

        WEFT_ASM_END
