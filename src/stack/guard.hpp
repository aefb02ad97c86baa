// SPDX-License-Identifier: BSL-1.0
// The area below a stack that must never be written. Layer: stack. Called by stack_pool.
#pragma once

#include <cstddef>

#include "weft/detail/config.hpp"
#include "weft/detail/stack.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// 64 KiB: a frame of a page or two must not jump over the guard. Address space is free; a program
// with larger frames is compiled with -fstack-clash-protection (HAZARD: a 64 KB frame over a 4 KiB
// guard corrupts silently with every compiler).
inline constexpr std::size_t guard_bytes = 64 * 1024;

// Guards [low, low + guard_bytes) with the best means that the kernel and the process's limits
// leave; none if there is no other way.
guard_kind install_guard(char* low) noexcept;

// Guards `count` areas (at most max_areas), `stride` bytes apart, the first at `low`, all as
// guard_kind::install. False if that can't be had at once; then some may be guarded already.
bool install_guards(char* low, std::size_t stride, std::size_t count) noexcept;

// Makes the area plain memory again: whoever lent it may use it for something else.
void remove_guard(char* low, guard_kind kind) noexcept;

// Tells the accounts that a guard goes away with its mapping.
void forget_guard(guard_kind kind) noexcept;

// Without a guard the lowest bytes of the stack hold a pattern; every park looks at it.
void write_canary(const stack& s) noexcept;
bool is_canary_intact(const stack& s) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
