// SPDX-License-Identifier: BSL-1.0
// What follows from the lock policy. Layer: hook.
// must_block(), which every tier asks, stands in gate.hpp.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

// Held locks are watched, or not, as the policy and the installed tiers have it now. Reports a
// WEFT_LOCKS that means nothing, once.
void watch_by_policy() noexcept;

}  // namespace hook
WEFT_NAMESPACE_END
