// SPDX-License-Identifier: BSL-1.0
// The default stack_source: anonymous mmap. Layer: stack.
#pragma once

#include "weft/stack_source.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

stack_source& the_map_source() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
