// SPDX-License-Identifier: BSL-1.0
// Enters Boost's stock jump_fcontext so that the processor's return stack buffer stays balanced.
//
//   void weft_..._context_switch(context* self /* rdi */, context* to /* rsi */);
//   weft_..._context_entry: where make_fcontext starts a fresh context; not called from C++
//
// Why a thunk at all. jump_fcontext is call-ed, saves its caller's return address with the frame
// and leaves by `jmp` to the address of the side that it resumes. The processor's prediction of
// returns never sees that jump: the entry that our `call` pushed is still on top when the resumed
// side returns, and from there on every `ret` of every caller is predicted one entry off
// (measured: one call above the yield 29 ns, four calls 60 ns; with the thunk 11 and 12).
// So the thunk is call-ed (pushes entry R), hands jump_fcontext a local label as the return
// address and jumps to it. Whoever is resumed lands on that label and executes `ret`, which takes
// R off again: its own return address and R are the same where both sides run the same code. Where
// they are not, that `ret` would always be mispredicted; an indirect jump, which is predicted by
// what came before, leaves instead (two kinds of fibers that yield in turn: see tests/bench).
//
//   the stack of a suspended side                    what is not saved here, and why
//   +---------------------------------+              caller-saved registers: the thunk is called
//   | return address of the thunk     |              as an ordinary function. errno, exception
//   +---------------------------------+              state, sanitizer shadows: the loop's business.
//   | .Larrived (pushed below)        |              MXCSR and x87 control word: jump_fcontext
//   +---------------------------------+              saves them.
//   | Boost's frame: never read here, |
//   | its layout changes by version   |
//   +---------------------------------+  <- context::sp
//
// jump_fcontext is reached through a pointer that context_fcontext.cpp fills with the function's
// address: from Boost 1.87 on the C symbol is hidden behind a C++ name.
#include "weft/detail/config.hpp"
#include "frame_fcontext.h"
#include "property_note.h"

        .text

        .globl  WEFT_C_NAME(context_switch)
        .type   WEFT_C_NAME(context_switch), @function
        .p2align 4
WEFT_C_NAME(context_switch):
        .cfi_startproc
        endbr64
        movq    %rdi, WEFT_CONTEXT_FROM(%rsi)   // the resumed side learns whom it must save
        movq    (%rsp), %rax
        movq    %rax, WEFT_CONTEXT_ENTRY(%rdi)  // where this side goes on; it has begun long since
        movq    WEFT_CONTEXT_SP(%rsi), %rdi     // jump_fcontext(fctx, data): data stays rsi = to
        leaq    .Larrived(%rip), %rax
        pushq   %rax
        .cfi_adjust_cfa_offset 8
        jmp     *WEFT_C_NAME(jump_fcontext)(%rip)

        .p2align 4
        .globl  WEFT_C_NAME(context_arrived)    // src/context/context_fcontext.cpp looks for it
        .hidden WEFT_C_NAME(context_arrived)
WEFT_C_NAME(context_arrived):
.Larrived:                                      // rax: the side that came here; rdx: ourselves
        .cfi_adjust_cfa_offset -8               // jump_fcontext popped the label
        endbr64                                 // reached by an indirect jump
        movq    WEFT_CONTEXT_FROM(%rdx), %rcx
        movq    %rax, WEFT_CONTEXT_SP(%rcx)     // only now is the other side's handle known
        movq    WEFT_CONTEXT_ENTRY(%rcx), %rcx
        cmpq    %rcx, (%rsp)                    // the same code?
        jne     .Lgo_elsewhere
        ret
.Lgo_elsewhere:
        popq    %rcx
        .cfi_adjust_cfa_offset -8
        .cfi_register rip, rcx
        notrack jmp *%rcx                       // to behind a call, where no endbr64 stands
        .cfi_endproc
        .size   WEFT_C_NAME(context_switch), . - WEFT_C_NAME(context_switch)

// A fresh context starts here by `jmp` and leaves here by `jmp`, so that the entry which its
// starter pushed is the one that its successor's `ret` takes.
// In: rdi = the side that came here, rsi = ourselves; rsp = 16n + 8.
        .globl  WEFT_C_NAME(context_entry)
        .hidden WEFT_C_NAME(context_entry)
        .type   WEFT_C_NAME(context_entry), @function
        .p2align 4
WEFT_C_NAME(context_entry):
        .cfi_startproc
        .cfi_undefined rip                      // the outermost frame: unwinders end here
        endbr64
        movq    WEFT_CONTEXT_FROM(%rsi), %rax
        movq    %rdi, WEFT_CONTEXT_SP(%rax)
        xorl    %ebp, %ebp                      // frame-pointer walkers end here
        subq    $8, %rsp                        // rsp = 16n at the call, as the ABI wants
        movq    %rsi, %rdi
        call    *WEFT_CONTEXT_ENTRY(%rsi)       // rax = the context to continue with
        movq    %rax, WEFT_CONTEXT_FROM(%rax)   // it may write our dead handle over its own stale one
        movq    WEFT_CONTEXT_SP(%rax), %rdi
        movq    %rax, %rsi
        pushq   $0                              // the return address of a side never resumed
        jmp     *WEFT_C_NAME(jump_fcontext)(%rip)
        .cfi_endproc
        .size   WEFT_C_NAME(context_entry), . - WEFT_C_NAME(context_entry)

// Finds out what Boost's frame looks like, which its versions disagree on and no CFI tells.
//
//   void weft_..._context_probe(void* other /* rdi */, std::uintptr_t* words /* rsi */);
//
// `other` is a fresh context at context_probed. With known values in the registers that a callee
// keeps this goes there and comes back. Then words[0] is the stack pointer of the call of
// jump_fcontext, words[1] the handle that was made of it, and from words[2] on lies what is between.
        .globl  WEFT_C_NAME(context_probe)
        .hidden WEFT_C_NAME(context_probe)
        .type   WEFT_C_NAME(context_probe), @function
        .p2align 4
WEFT_C_NAME(context_probe):
        .cfi_startproc
        endbr64
        pushq   %rbx
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbx, 0
        pushq   %rbp
        .cfi_adjust_cfa_offset 8
        .cfi_rel_offset rbp, 0
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
        subq    $8, %rsp                        // rsp = 16n at the call, as the ABI wants
        .cfi_adjust_cfa_offset 8
        movq    %rsp, (%rsi)
        movabsq $WEFT_PROBE_VALUE, %rbx         // in the order of suspended_side::kept
        leaq    1(%rbx), %rbp
        leaq    2(%rbx), %r12
        leaq    3(%rbx), %r13
        leaq    4(%rbx), %r14
        leaq    5(%rbx), %r15
        call    *WEFT_C_NAME(jump_fcontext)(%rip)
        .globl  WEFT_C_NAME(context_probe_arrived)
        .hidden WEFT_C_NAME(context_probe_arrived)
WEFT_C_NAME(context_probe_arrived):
        addq    $8, %rsp
        .cfi_adjust_cfa_offset -8
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
        popq    %rbp
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbp
        popq    %rbx
        .cfi_adjust_cfa_offset -8
        .cfi_restore rbx
        ret
        .cfi_endproc
        .size   WEFT_C_NAME(context_probe), . - WEFT_C_NAME(context_probe)

// In: rdi = the side that came here, rsi = words. Copies, and goes back for good.
        .globl  WEFT_C_NAME(context_probed)
        .hidden WEFT_C_NAME(context_probed)
        .type   WEFT_C_NAME(context_probed), @function
        .p2align 4
WEFT_C_NAME(context_probed):
        .cfi_startproc
        .cfi_undefined rip
        endbr64
        movq    %rdi, 8(%rsi)
        xorl    %eax, %eax
.Lcopy:
        leaq    (%rdi,%rax,8), %rcx
        cmpq    (%rsi), %rcx
        jae     .Lcopied
        cmpl    $WEFT_PROBE_WORDS, %eax
        jae     .Lcopied
        movq    (%rcx), %rcx
        movq    %rcx, 16(%rsi,%rax,8)
        incl    %eax
        jmp     .Lcopy
.Lcopied:
        pushq   $0                              // the return address of a side never resumed
        jmp     *WEFT_C_NAME(jump_fcontext)(%rip)
        .cfi_endproc
        .size   WEFT_C_NAME(context_probed), . - WEFT_C_NAME(context_probed)

        WEFT_ASM_END
