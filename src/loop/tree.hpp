// SPDX-License-Identifier: BSL-1.0
// The fibers of a loop as text: what debug::dump_fibers() and debug::print_tree() have in common.
// Layer: loop. Called on the loop's thread.
#pragma once

#include <string>

#include "loop.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// "running", "parked", ...
const char* state_of(const loop& here, const fiber& f) noexcept;

// "fiber 3 'reader'", or "fiber 3, fiber 4, fiber 5 and 7 more": whom a parked one waits for. Empty
// if that cannot be told.  Throws: std::bad_alloc.
std::string describe_awaited(const fiber& parked);

// The text of debug::print_tree().  Throws: std::bad_alloc.
std::string draw_tree(loop& here);

// The same to stderr, past stdio, for whoever asked by a signal.
void report_tree(loop& here) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
