// SPDX-License-Identifier: BSL-1.0
// Offsets in weft::detail::context, for the thunks; src/context/context_fcontext.cpp asserts each.
#ifndef WEFT_ASM_FRAME_FCONTEXT_H
#define WEFT_ASM_FRAME_FCONTEXT_H

#define WEFT_CONTEXT_SP 0
#define WEFT_CONTEXT_FROM 8
#define WEFT_CONTEXT_ENTRY 16

// What context_probe puts into the first of the registers that a callee keeps; each of the others
// gets one more. No address, and no number that lies there by chance.
#define WEFT_PROBE_VALUE 0x776566745100
#define WEFT_PROBE_VALUE_HIGH 0x7765
#define WEFT_PROBE_VALUE_MIDDLE 0x6674
#define WEFT_PROBE_VALUE_LOW 0x5100
#define WEFT_PROBE_WORDS 62  // of a frame, at most

#endif
