// SPDX-License-Identifier: BSL-1.0
// What a stall's report says. Layer: loop. Called by the watchdog.
#pragma once

#include <string>

#include "stalled_thread.hpp"
#include "weft/detail/config.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Throws: std::bad_alloc.
std::string describe_stall(const stalled_thread& found, duration held, duration waited);

}  // namespace detail
WEFT_NAMESPACE_END
