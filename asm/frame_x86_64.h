// SPDX-License-Identifier: BSL-1.0
// The frame of a suspended flow on x86-64 and the offsets in weft::detail::context, for the
// assembler and for C++: src/context/context_asm.cpp asserts each.
#ifndef WEFT_ASM_FRAME_X86_64_H
#define WEFT_ASM_FRAME_X86_64_H

// in weft::detail::context
#define WEFT_CONTEXT_SP 0
#define WEFT_CONTEXT_RESUME 8
#define WEFT_CONTEXT_MXCSR 16
#define WEFT_CONTEXT_X87 20

// What context::sp may carry in its low bits; a stack pointer has none. Resumed by its frame: 0.
#define WEFT_SP_IS_FRESH 1
#define WEFT_SP_IS_INLINE 2
#define WEFT_SP_TAGS 3

// in the frame, from context::sp upwards
#define WEFT_FRAME_R15 0x00
#define WEFT_FRAME_R14 0x08
#define WEFT_FRAME_R13 0x10
#define WEFT_FRAME_R12 0x18
#define WEFT_FRAME_RBX 0x20
#define WEFT_FRAME_RBP 0x28
#define WEFT_FRAME_RETURN 0x30
#define WEFT_FRAME_BYTES 0x38

// Bits 0-5 of MXCSR only tell what happened; the rest control. (System V ABI x86-64, 3.2.1.)
#define WEFT_MXCSR_CONTROL 0xffc0

#endif
