// SPDX-License-Identifier: BSL-1.0
// Lets the conformance program run with branch target identification enforced: linked with
// -z force-bti, its pages are guarded, and an indirect jump to anything but a `bti` ends it by
// SIGILL. What a distribution's crt1.o, crtbegin.o and libgcc.a bring has no such landing places,
// so this stands in for the three symbols of them that the program needs (with -nostartfiles).
#include "property_note.h"

        .text
        .globl  _start
        .type   _start, %function
_start:
        hint    #34                             // bti c
        mov     x29, #0
        mov     x30, #0
        mov     x5, x0                          // what the dynamic linker wants called at exit
        ldr     x1, [sp]                        // argc
        add     x2, sp, #8                      // argv
        mov     x6, sp
        adrp    x0, main
        add     x0, x0, :lo12:main
        mov     x3, #0                          // no init and fini of an old kind
        mov     x4, #0
        bl      __libc_start_main
        bl      abort
        .size   _start, . - _start

        .data
        .globl  __dso_handle
        .hidden __dso_handle
__dso_handle:
        .quad   __dso_handle
        .globl  __aarch64_have_lse_atomics      // libgcc's would come with a constructor
        .hidden __aarch64_have_lse_atomics
__aarch64_have_lse_atomics:
        .byte   0

        WEFT_ASM_END
