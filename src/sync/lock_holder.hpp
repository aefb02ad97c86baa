// SPDX-License-Identifier: BSL-1.0
// Who holds a lock, for messages and for the search for deadlocks. A holder may be gone, or live on
// another thread: only fibers of the asking thread's loop are looked at. Layer: sync.
#pragma once

#include <string>

#include "weft/detail/lock_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// The holder's record, if it is a fiber of this thread's loop that can still be asked.
const fiber* known_holder(lock_holder holder) noexcept;

// "fiber 3 'reader' (...)", "another thread", ...: somebody else than the caller.
std::string describe_holder(lock_holder holder);

// The caller: "fiber 3 'reader' (...)" or "a thread".
std::string describe_caller(const loop_core* here);

}  // namespace detail
WEFT_NAMESPACE_END
