// SPDX-License-Identifier: BSL-1.0
// System calls that a file makes by itself, past the C library and so past every hook. Layer: hook,
// in the program weft-audit.
//
// Found by the instruction, with the number put into its register shortly before: a number that
// comes from elsewhere, as in the C library's own syscall(), is not seen.
#pragma once

#include <string_view>
#include <vector>

#include "elf_file.hpp"

namespace weft_audit {

// Of those that can block: their names, each once.  Throws: bad_file.
std::vector<std::string_view> find_direct_calls(const elf_file& file);

}  // namespace weft_audit
