// SPDX-License-Identifier: BSL-1.0
// Functions whose own frame is large. Layer: hook, in the program weft-audit.
//
// A frame's size is the larger of two: the offset of the canonical frame address from the stack
// pointer, as .eh_frame tells it to unwinders, and what the first instructions subtract from the
// stack pointer, because functions with a frame pointer tell unwinders no more than that. What
// alloca() and arrays of variable length take is in neither, nor what a function calls.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "elf_file.hpp"

namespace weft_audit {

struct large_frame {
  std::uint64_t address = 0;
  std::uint64_t bytes = 0;
  std::string_view function;  // mangled; empty if no symbol is left
};

struct frames {
  std::vector<large_frame> large;  // the largest first
  std::uint64_t functions = 0;     // that were looked at
};

// Throws: bad_file.
frames find_large_frames(const elf_file& file, std::uint64_t larger_than);

}  // namespace weft_audit
