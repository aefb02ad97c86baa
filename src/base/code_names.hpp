// SPDX-License-Identifier: BSL-1.0
// Addresses in the code as messages name them. Layer: base.
#pragma once

#include <string>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// "parse(char const*) (server+0x1b2f)", or "server+0x1b2f" where no symbol is known: dladdr() sees
// those of shared libraries, and a program's own if it was linked with -rdynamic. For the file and
// line: `addr2line -e server 0x1b2f`. A `symbol` that the caller knows better than the dynamic
// linker is named instead of its.  Throws: std::bad_alloc.
std::string name_of_code(const void* address, const char* symbol = nullptr);

}  // namespace detail
WEFT_NAMESPACE_END
