// SPDX-License-Identifier: BSL-1.0
// A stack for the signal handlers of a loop's thread: the one at hand may be a fiber's, too small
// or used up (HAZARD H8). Layer: stack. Entered and left by the loop.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Gives the calling thread one, unless it brought its own.  Throws: std::bad_alloc.
void give_alternate_stack();

// Takes away what give_alternate_stack() gave this thread.
void take_alternate_stack() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
