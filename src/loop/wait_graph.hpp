// SPDX-License-Identifier: BSL-1.0
// Who waits for whom, and whether anybody could still end those waits. Layer: loop.
#pragma once

#include <string>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

// A line for every fiber that is parked, with what it waits for and who holds that, and a line for
// every cycle among them.  Throws: std::bad_alloc.
std::string describe_waits(const loop& here);

// True if nothing but a fiber of this loop could wake one, and all are parked. Precondition: none
// is ready. Asks the kernel for the process's threads only where that matters.
bool is_deadlocked(const loop& here) noexcept;

// The same without asking: false if that is certain at a glance.
bool may_be_deadlocked(const loop& here) noexcept;

// Makes main's wait throw would_deadlock, or, where it cannot throw, reports once. True if main was
// woken.
bool break_deadlock(loop& here) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
