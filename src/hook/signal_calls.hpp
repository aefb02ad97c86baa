// SPDX-License-Identifier: BSL-1.0
// What install() does about handlers that the program had set before. Layer: hook.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

void stand_before_handlers() noexcept;

}  // namespace hook
WEFT_NAMESPACE_END
