// SPDX-License-Identifier: BSL-1.0
// WEFT_DEBUG=1 in the environment: weft then tells more, for a price. Layer: base.
#pragma once

#include <string>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// True if the process was started with WEFT_DEBUG=1; asked once. The other is for tests.
bool is_debug_mode() noexcept;
void set_debug_mode(bool is_on) noexcept;

// "load_config(char const*)+0x1c in server", or "server+0x1b2f" without a symbol: a return address,
// for people and addr2line. A `symbol` that the caller knows better than the dynamic linker is
// named instead of its.
std::string describe_code(const void* address, const char* symbol = nullptr);

// "load_config(char const*)" for its mangled name; what is no such name as it is.
std::string demangled(const char* symbol);

}  // namespace detail
WEFT_NAMESPACE_END
