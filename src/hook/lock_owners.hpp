// SPDX-License-Identifier: BSL-1.0
// Which fiber of this thread holds which of the C library's locks. Layer: hook. To the C library
// all fibers of a thread are one owner: a recursive mutex lets each of them in, and says EDEADLK to
// one that meant another one's lock.
//
// Known to the thread alone, since a lock is given up where it was taken; so without any lock. Its
// memory comes from mmap: malloc() of other libraries locks mutexes.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

// Once, before the first use.
void prepare_owners() noexcept;

// nullptr: no fiber of this thread that is known of.
const detail::fiber* owner_of(const void* lock) noexcept;

// A lock's new owner; the one before is forgotten, as it has given the lock up where nobody saw.
// False: there is no memory for one more.
bool set_owner(const void* lock, const detail::fiber& owner) noexcept;

void forget_owner(const void* lock) noexcept;

}  // namespace hook
WEFT_NAMESPACE_END
