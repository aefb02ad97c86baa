// SPDX-License-Identifier: BSL-1.0
// What a function's first instructions take from the stack. Layer: hook, in the program weft-audit.
// No disassembler: it knows the few forms in which compilers write that.
#pragma once

#include <cstdint>

#include "bytes.hpp"

namespace weft_audit {

// `code` is the function's beginning. 0 if no such instruction is among the first.
std::uint64_t taken_by_prologue_x86_64(bytes code);
std::uint64_t taken_by_prologue_aarch64(bytes code);

}  // namespace weft_audit
