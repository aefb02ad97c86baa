// SPDX-License-Identifier: BSL-1.0
// What .eh_frame says of each function. Layer: hook, in the program weft-audit. Source: Linux
// Standard Base 5.0, Exception Frames; DWARF 5, section 6.4.
#pragma once

#include <cstdint>
#include <vector>

#include "elf_file.hpp"

namespace weft_audit {

struct unwound_function {
  std::uint64_t address = 0;
  std::uint64_t size = 0;
  std::uint64_t frame_bytes = 0;  // by the stack pointer; 0 if it is told by a frame pointer alone
};

// None if the file has no such table.  Throws: bad_file.
std::vector<unwound_function> read_unwind_table(const elf_file& file);

}  // namespace weft_audit
