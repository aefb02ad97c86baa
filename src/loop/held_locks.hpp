// SPDX-License-Identifier: BSL-1.0
// pthread locks and static initialisers that a fiber has begun and not ended, under WEFT_DEBUG=1 or
// where hooked calls park: held across a wait, they stop the loop, or make two fibers meet inside.
// Layer: loop. Who locks is told of by src/hook/, which stands before the C library's functions.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

enum class held_kind : std::uint8_t { exclusive, shared, initialiser };

// Whether anybody looks. At first by_debug_mode.
enum class lock_watching : std::uint8_t { by_debug_mode, always, never };
WEFT_API void set_lock_watching(lock_watching how) noexcept;  // calls from: any thread

// True if what the caller locks is to be told of: a fiber does, and somebody looks.
WEFT_API bool watches_locks() noexcept;

// True if the running fiber of `here` has locked something, besides this, since somebody looks.
WEFT_API bool holds_locks(const loop& here, const void* besides) noexcept;

// True if another fiber of this thread holds it: as a thread has only one fiber at a time, it would
// never be free. Reports both and their places; `place` is where the caller wants it.
// Precondition of this and the next two: watches_locks().
WEFT_API bool is_held_for_good(const void* lock, held_kind wanted, const void* place) noexcept;

WEFT_API void note_locked(const void* lock, held_kind how, const void* place) noexcept;

// Reports a wait that came between, once for each place that locks.
WEFT_API void note_unlocked(const void* lock) noexcept;

// Reports that the running fiber wants what it holds itself, which fails.
WEFT_API void report_relock(held_kind how, const void* place) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
