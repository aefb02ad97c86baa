// SPDX-License-Identifier: BSL-1.0
// Finds out whether this process holds a second copy of weft. Layer: base.
#pragma once

#include <string>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Reports once per process, through the report handler, if another loaded object carries weft too.
void report_other_copies() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
