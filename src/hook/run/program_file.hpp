// SPDX-License-Identifier: BSL-1.0
// Looks at the program before it is started: whether LD_PRELOAD will reach it. Layer: hook, in the
// program weft-run.
#pragma once

#include <string>

namespace weft_run {

// The file that execvp() would execute.  Throws: failure (127: there is none, 126: it may not be
// executed).
std::string find_program(const char* name);

// Why the dynamic linker will not load the library into this program, or into the interpreter of
// this script; empty if it will, or if that cannot be told.
std::string why_preload_is_ignored(const std::string& program);

}  // namespace weft_run
