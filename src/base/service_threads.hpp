// SPDX-License-Identifier: BSL-1.0
// Threads that weft runs for itself and that wake no fiber of their own accord. Layer: base.
// The search for deadlocks does not count them among those that could.
#pragma once

#include <atomic>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

extern std::atomic<int> service_threads;

// True if the process has a thread besides the caller's that is none of those.
bool has_other_threads() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
