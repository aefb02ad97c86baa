// SPDX-License-Identifier: BSL-1.0
// /etc/ld.so.cache: where ldconfig(8) says that libraries lie. Layer: hook, in the program
// weft-audit.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "bytes.hpp"

namespace weft_audit {

// By soname: the files, the dynamic linker's first choice first, of all machines and without those
// that need a newer processor. Empty if it is damaged: the default folders remain.
std::unordered_map<std::string, std::vector<std::string>> read_linker_cache(bytes content) noexcept;

}  // namespace weft_audit
