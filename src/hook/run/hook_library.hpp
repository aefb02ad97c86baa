// SPDX-License-Identifier: BSL-1.0
// Where libweft-hook.so lies. Layer: hook, in the program weft-run.
#pragma once

#include <string>

namespace weft_run {

// WEFT_HOOK_LIBRARY, or the library of the prefix that weft-run lies in, or of its own folder, as
// in a build tree: the prefix may have been moved. Absolute, and such that LD_PRELOAD can name it.
// Throws: failure.
std::string find_hook_library();

}  // namespace weft_run
