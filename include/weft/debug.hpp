// SPDX-License-Identifier: BSL-1.0
// Looking at a running loop. Layer: task.
#pragma once

#include <cstdio>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace debug {

// Writes a line for every fiber of the running loop: id, name, state, what it waits for, since
// when (to the loop's last look at the clock), stack used, spawn site.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread; std::bad_alloc.
WEFT_API void dump_fibers(std::FILE* to);

}  // namespace debug
WEFT_NAMESPACE_END
