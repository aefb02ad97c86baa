// SPDX-License-Identifier: BSL-1.0
// Which initialisations fibers are at: pthread_once controls and guards of static variables.
// Layer: hook. To the C library the thread does them; another fiber of that thread would wait for
// itself there, and one of another thread would block its own. Between loops, so process-wide.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

enum class once_turn : std::uint8_t {
  ours,     // the caller is at it from now on, until end_once()
  others,   // another fiber is at it; end_once() wakes who waits for the address
  own,      // the caller is at it already: it came back to itself
  no_room,  // more at once than are kept; the C library knows best
};
once_turn begin_once(const void* what, const detail::fiber& self) noexcept;
void end_once(const void* what) noexcept;

// True if a fiber is at it. Precise for who has registered as waiting for the address.
bool is_once_begun(const void* what) noexcept;

// Who is at it; nullptr if nobody or the table is in use.
const detail::fiber* doer_of_once(const void* what) noexcept;

// What pthread_once writes into a control that is begun in this process: each child of fork() has
// another value, so that it begins anew what its parent had begun.
int once_in_progress() noexcept;
void note_once_generation() noexcept;  // before the first use, and in children

// For fork().
void hold_once_table() noexcept;
void let_go_once_table() noexcept;
void forget_once_unless(bool (*is_here)(const detail::fiber& f)) noexcept;

}  // namespace hook
WEFT_NAMESPACE_END
