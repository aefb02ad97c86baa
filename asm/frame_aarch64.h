// SPDX-License-Identifier: BSL-1.0
// The frame of a suspended flow on AArch64 and the offsets in weft::detail::context, for the
// assembler and for C++: src/context/context_asm.cpp asserts each.
#ifndef WEFT_ASM_FRAME_AARCH64_H
#define WEFT_ASM_FRAME_AARCH64_H

// in weft::detail::context
#define WEFT_CONTEXT_SP 0
#define WEFT_CONTEXT_RESUME 8

// What context::sp may carry in its low bits. There is no inline form of the switch here.
#define WEFT_SP_IS_FRESH 1
#define WEFT_SP_IS_INLINE 2
#define WEFT_SP_TAGS 3

// in the frame, from context::sp upwards
#define WEFT_FRAME_FPCR 0x00
#define WEFT_FRAME_D8 0x10
#define WEFT_FRAME_D10 0x20
#define WEFT_FRAME_D12 0x30
#define WEFT_FRAME_D14 0x40
#define WEFT_FRAME_X19 0x50
#define WEFT_FRAME_X21 0x60
#define WEFT_FRAME_X23 0x70
#define WEFT_FRAME_X25 0x80
#define WEFT_FRAME_X27 0x90
#define WEFT_FRAME_X29 0xa0
#define WEFT_FRAME_X30 0xa8
#define WEFT_FRAME_BYTES 0xb0

#endif
