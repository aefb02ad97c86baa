// SPDX-License-Identifier: BSL-1.0
// The switch of the asm backend on x86-64: the reference, explained line by line.
//
//   void weft_..._context_switch(context* self /* rdi */, context* to /* rsi */);
//   weft_..._context_entry: where a fresh context begins; reached by jmp from here only
//
// context_switch saves what the ABI makes a callee keep, on the caller's own stack, writes the
// stack pointer into *self, and continues *to in one of three ways, told by the low bits of to->sp:
//
//   0  suspended by context_switch: restore its frame, ret, or jmp to where it goes on
//   1  fresh (WEFT_SP_IS_FRESH): the rest of the word is the top of its stack; jmp to context_entry
//   2  suspended by inline code (WEFT_SP_IS_INLINE, include/weft/detail/inline_switch.hpp): jmp to
//      context::resume, which reloads for itself and takes its stack pointer from rax
//
//   suspended                                        fresh
//   +---------------------------+ higher             +--------------------------+ <- sp | 1, a
//   | ... frames of the fiber   |                    | nothing: the first call  |    multiple of 16
//   | return address            | 0x30 \ together    | pushes its return        |
//   | rbp                       | 0x28 / an ordinary | address here             |
//   | rbx                       | 0x20   frame record|
//   | r12                       | 0x18
//   | r13                       | 0x10
//   | r14                       | 0x08
//   | r15                       | 0x00
//   +---------------------------+ <- context::sp
//
// Saved: rbx, rbp, r12-r15, rsp; the control bits of MXCSR and of the x87 control word stand in the
// context, where note_float_control() wrote them (System V ABI x86-64, 3.2.1 and 3.2.3). They are
// loaded only if the other side's differ. Not saved, and why:
// - other registers, the direction flag, vector state: caller-saved, and this is a call like others
// - the status bits of MXCSR: they belong to the thread; loading them is what makes a switch
//   between sides with different ones cost 71 ns instead of 4.7 (measured with jump_fcontext)
// - errno, exception state, sanitizers' shadows: the loop's business (src/loop/switch.cpp)
// - the signal mask: two system calls a switch, and shared by all fibers of a thread as documented
// - the shadow stack of CET: the property note does not claim it, so the loader leaves it off
//
// The return stack buffer stays balanced: what `call context_switch` pushed is taken off by the
// `ret` below, on whichever stack. A fresh side is entered, and a finished one left, without a
// call. Where all callers of context_switch are the same code, every return is predicted. Where two
// sides' code differs, the `ret` would be mispredicted each time: an indirect jump, which is
// predicted by what came before it, leaves instead. Two kinds of fibers that yield in turn took
// 15.3 ns a switch, and take 7.9, as one kind does; the entry that stays behind misleads no more
// returns than the other side's frames would have done.
#include "weft/detail/config.hpp"
#include "frame_x86_64.h"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(context_switch)
        .type   WEFT_C_NAME(context_switch), @function
        .p2align 6                                      // all of the way out in one or two lines
WEFT_C_NAME(context_switch):
        .cfi_startproc
        endbr64                                         // C++ may call it through a pointer
        subq    $WEFT_FRAME_RETURN, %rsp                // the return address is there already
        .cfi_adjust_cfa_offset WEFT_FRAME_RETURN
        movq    %r15, WEFT_FRAME_R15(%rsp)
        movq    %r14, WEFT_FRAME_R14(%rsp)
        movq    %r13, WEFT_FRAME_R13(%rsp)
        movq    %r12, WEFT_FRAME_R12(%rsp)
        movq    %rbx, WEFT_FRAME_RBX(%rsp)
        movq    %rbp, WEFT_FRAME_RBP(%rsp)
        .cfi_rel_offset r15, WEFT_FRAME_R15             // in a row: nobody unwinds in between
        .cfi_rel_offset r14, WEFT_FRAME_R14             // but a profiler, whom the registers
        .cfi_rel_offset r13, WEFT_FRAME_R13             // themselves still serve
        .cfi_rel_offset r12, WEFT_FRAME_R12
        .cfi_rel_offset rbx, WEFT_FRAME_RBX
        .cfi_rel_offset rbp, WEFT_FRAME_RBP
        movq    WEFT_CONTEXT_SP(%rsi), %rax             // where to
        movl    WEFT_CONTEXT_MXCSR(%rdi), %ecx          // what is in force now
        movzwl  WEFT_CONTEXT_X87(%rdi), %edx
        movq    %rsp, WEFT_CONTEXT_SP(%rdi)             // from here on this side can be resumed
        .globl  WEFT_C_NAME(context_suspended)          // where unwinders take it to stand: the CFI
        .hidden WEFT_C_NAME(context_suspended)          // before and behind describes its frame
WEFT_C_NAME(context_suspended):
        xorl    WEFT_CONTEXT_MXCSR(%rsi), %ecx
        xorw    WEFT_CONTEXT_X87(%rsi), %dx
        andl    $WEFT_MXCSR_CONTROL, %ecx               // status bits may differ
        orw     %cx, %dx
        jnz     .Lload_controls                         // rare
.Lgo:
        testb   $WEFT_SP_TAGS, %al
        jnz     .Lunusual
        movq    WEFT_FRAME_RETURN(%rax), %rcx           // where it goes on
        cmpq    %rcx, WEFT_FRAME_RETURN(%rsp)           // and where this side will
        jne     .Lresume_elsewhere
.Lresume:                                               // rax: a frame
        movq    %rax, %rsp                              // the CFI above holds for that side, too
        movq    WEFT_FRAME_R15(%rsp), %r15
        movq    WEFT_FRAME_R14(%rsp), %r14
        movq    WEFT_FRAME_R13(%rsp), %r13
        movq    WEFT_FRAME_R12(%rsp), %r12
        movq    WEFT_FRAME_RBX(%rsp), %rbx
        movq    WEFT_FRAME_RBP(%rsp), %rbp
        .cfi_remember_state
        addq    $WEFT_FRAME_RETURN, %rsp
        .cfi_adjust_cfa_offset -WEFT_FRAME_RETURN
        .cfi_restore r15
        .cfi_restore r14
        .cfi_restore r13
        .cfi_restore r12
        .cfi_restore rbx
        .cfi_restore rbp
        ret

.Lresume_elsewhere:                                     // rax: a frame, rcx: its return address
        .cfi_restore_state
        movq    %rax, %rsp
        movq    WEFT_FRAME_R15(%rsp), %r15
        movq    WEFT_FRAME_R14(%rsp), %r14
        movq    WEFT_FRAME_R13(%rsp), %r13
        movq    WEFT_FRAME_R12(%rsp), %r12
        movq    WEFT_FRAME_RBX(%rsp), %rbx
        movq    WEFT_FRAME_RBP(%rsp), %rbp
        .cfi_remember_state
        addq    $WEFT_FRAME_RETURN + 8, %rsp
        .cfi_adjust_cfa_offset -WEFT_FRAME_RETURN - 8
        .cfi_register rip, rcx
        .cfi_restore r15
        .cfi_restore r14
        .cfi_restore r13
        .cfi_restore r12
        .cfi_restore rbx
        .cfi_restore rbp
        notrack jmp *%rcx                               // to behind a call: no endbr64 stands there

.Lload_controls:                                        // still on our own stack
        .cfi_restore_state
        stmxcsr -8(%rsp)                                // (in the red zone; rsp is below the frame)
        andl    $~WEFT_MXCSR_CONTROL, -8(%rsp)          // the thread's status bits
        movl    WEFT_CONTEXT_MXCSR(%rsi), %ecx
        andl    $WEFT_MXCSR_CONTROL, %ecx
        orl     %ecx, -8(%rsp)
        ldmxcsr -8(%rsp)
        fldcw   WEFT_CONTEXT_X87(%rsi)
        jmp     .Lgo

        .globl  WEFT_C_NAME(context_continue)           // from inline code; rsi: to, rax: its sp
WEFT_C_NAME(context_continue):
        endbr64                                         // by an indirect jump
        testb   $WEFT_SP_TAGS, %al
        jz      .Lresume
.Lunusual:                                              // still on our own stack
        testb   $WEFT_SP_IS_FRESH, %al
        jnz     .Lfresh
        jmp     *WEFT_CONTEXT_RESUME(%rsi)              // rsi: the one to resume, rax: its sp
        .cfi_endproc
        .size   WEFT_C_NAME(context_switch), . - WEFT_C_NAME(context_switch)

// In: rax = the stack's top | 1, rsi = the context, whose control bits are in force.
        .globl  WEFT_C_NAME(context_entry)
        .hidden WEFT_C_NAME(context_entry)
        .type   WEFT_C_NAME(context_entry), @function
        .p2align 4
WEFT_C_NAME(context_entry):
        .cfi_startproc
        .cfi_undefined rip                              // the outermost frame: unwinders end here
.Lfresh:
        leaq    -WEFT_SP_IS_FRESH(%rax), %rsp           // a multiple of 16, as the call below wants
        xorl    %ebp, %ebp                              // walkers of frame pointers end here
        movq    %rsi, %rdi
        call    *WEFT_CONTEXT_RESUME(%rsi)              // entry(self); rax = whom to continue with,
        movq    %rax, %rsi                              // whose control bits it has loaded
        movq    WEFT_CONTEXT_SP(%rsi), %rax
        testb   $WEFT_SP_TAGS, %al
        jz      .Lresume                                // its ret takes off what our starter pushed
        testb   $WEFT_SP_IS_FRESH, %al
        jnz     .Lfresh
        jmp     *WEFT_CONTEXT_RESUME(%rsi)
        .cfi_endproc
        .size   WEFT_C_NAME(context_entry), . - WEFT_C_NAME(context_entry)

        WEFT_ASM_END
