// SPDX-License-Identifier: BSL-1.0
// WEFT_DEBUG=1 in the environment: weft then tells more, for a price. Layer: base.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// True if the process was started with WEFT_DEBUG=1; asked once. The other is for tests.
bool is_debug_mode() noexcept;
void set_debug_mode(bool is_on) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
