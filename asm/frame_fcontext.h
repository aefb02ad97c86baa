// SPDX-License-Identifier: BSL-1.0
// Offsets in weft::detail::context, for the thunks; src/context/context_fcontext.cpp asserts each.
#ifndef WEFT_ASM_FRAME_FCONTEXT_H
#define WEFT_ASM_FRAME_FCONTEXT_H

#define WEFT_CONTEXT_SP 0
#define WEFT_CONTEXT_FROM 8
#define WEFT_CONTEXT_ENTRY 16

#endif
