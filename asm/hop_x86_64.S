// SPDX-License-Identifier: BSL-1.0
// The switch between two sides that run different code: a generator's body and who calls next().
// Read switch_x86_64.S first; only the differences are told here.
//
//   void weft_..._context_hop(context* self /* rdi */, context* to /* rsi */);
//
// - It ends in a jump, not in a ret. A ret is predicted to go back to whoever called last, which
//   here is always the other side: two returns mispredicted for each element (25 ns measured).
//   The jump is predicted by where it went before. Its price: what our call pushed on the return
//   stack buffer stays there, so the next ret of the resumed side is mispredicted; and frames far
//   below lose their entries. Where both sides run the same code, context_switch is better.
// - Float control is not looked at: caller and body share it, as in any call.
//
// The frame is context_switch's, so either one resumes what the other has suspended.
#include "weft/detail/config.hpp"
#include "frame_x86_64.h"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(context_hop)
        .type   WEFT_C_NAME(context_hop), @function
        .p2align 6
WEFT_C_NAME(context_hop):
        .cfi_startproc
        endbr64
        subq    $WEFT_FRAME_RETURN, %rsp
        .cfi_adjust_cfa_offset WEFT_FRAME_RETURN
        movq    %r15, WEFT_FRAME_R15(%rsp)
        movq    %r14, WEFT_FRAME_R14(%rsp)
        movq    %r13, WEFT_FRAME_R13(%rsp)
        movq    %r12, WEFT_FRAME_R12(%rsp)
        movq    %rbx, WEFT_FRAME_RBX(%rsp)
        movq    %rbp, WEFT_FRAME_RBP(%rsp)
        .cfi_rel_offset r15, WEFT_FRAME_R15
        .cfi_rel_offset r14, WEFT_FRAME_R14
        .cfi_rel_offset r13, WEFT_FRAME_R13
        .cfi_rel_offset r12, WEFT_FRAME_R12
        .cfi_rel_offset rbx, WEFT_FRAME_RBX
        .cfi_rel_offset rbp, WEFT_FRAME_RBP
        movq    WEFT_CONTEXT_SP(%rsi), %rax             // where to
        movq    %rsp, WEFT_CONTEXT_SP(%rdi)             // from here on this side can be resumed
        testb   $WEFT_SP_TAGS, %al
        jnz     .Lunusual
        movq    %rax, %rsp                              // the CFI above holds for that side, too
        movq    WEFT_FRAME_RETURN(%rsp), %rcx           // the earlier it is known, the better
        movq    WEFT_FRAME_R15(%rsp), %r15
        movq    WEFT_FRAME_R14(%rsp), %r14
        movq    WEFT_FRAME_R13(%rsp), %r13
        movq    WEFT_FRAME_R12(%rsp), %r12
        movq    WEFT_FRAME_RBX(%rsp), %rbx
        movq    WEFT_FRAME_RBP(%rsp), %rbp
        .cfi_remember_state
        addq    $WEFT_FRAME_BYTES, %rsp                 // the return address is off, as after a ret
        .cfi_adjust_cfa_offset -WEFT_FRAME_BYTES
        .cfi_register rip, rcx
        .cfi_restore r15
        .cfi_restore r14
        .cfi_restore r13
        .cfi_restore r12
        .cfi_restore rbx
        .cfi_restore rbp
        movq    %rsi, %rax
        notrack jmp *%rcx                               // to behind a call, where no endbr64 stands

.Lunusual:                                              // fresh, or suspended by inline code
        .cfi_restore_state
        jmp     *WEFT_C_NAME(context_continue)@GOTPCREL(%rip)
        .cfi_endproc
        .size   WEFT_C_NAME(context_hop), . - WEFT_C_NAME(context_hop)

        WEFT_ASM_END
