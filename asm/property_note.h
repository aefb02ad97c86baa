// SPDX-License-Identifier: BSL-1.0
// What every .S file ends with: WEFT_ASM_END.
//
// .note.GNU-stack keeps the program's stacks non-executable. The property note says that each place
// here that an indirect jump may reach begins with endbr64 or bti, so that a program may switch
// indirect branch tracking on. It does not say SHSTK (x86) or GCS (AArch64): a switch would leave
// the shadow stack of the other side behind, so the loader must leave shadow stacks off.
// Source: System V ABI x86-64, 13.2; ELF for the Arm 64-bit Architecture, 5.3.
#ifndef WEFT_ASM_PROPERTY_NOTE_H
#define WEFT_ASM_PROPERTY_NOTE_H

#if defined(__x86_64__)
#define WEFT_PROPERTY_TYPE 0xc0000002 /* GNU_PROPERTY_X86_FEATURE_1_AND */
#define WEFT_PROPERTY_BITS 1          /* IBT */
#else
#define WEFT_PROPERTY_TYPE 0xc0000000 /* GNU_PROPERTY_AARCH64_FEATURE_1_AND */
#define WEFT_PROPERTY_BITS 1          /* BTI */
#endif

#define WEFT_ASM_END                                    \
        .section .note.gnu.property, "a", %note;        \
        .p2align 3;                                     \
        .long 4, 16, 5; /* name, description, type 5 */ \
        .asciz "GNU";                                   \
        .long WEFT_PROPERTY_TYPE, 4;                    \
        .long WEFT_PROPERTY_BITS, 0;                    \
        .section .note.GNU-stack, "", %progbits

#endif
