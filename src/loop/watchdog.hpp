// SPDX-License-Identifier: BSL-1.0
// Notices from a thread of its own that a fiber holds its loop's thread for too long. Layer: loop.
// Loops enter and leave here; a switch knows nothing of it: the watchdog looks at two words of the
// loop, some eight times within options::slow_step. If both stay as they were, no switch came.
//
// The thread is there while a loop is entered that is to be watched, and up to one look longer, so
// that loops that come and go share it. It sleeps while all loops do.
#pragma once

#include <atomic>
#include <cstddef>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/options.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// A loop's place in the watchdog's list. While it is linked, the loop lives and is entered.
struct watched_loop : list_node {
  const loop_core* core = nullptr;
  duration limit = duration::zero();  // zero: not to be watched
  int thread = 0;                     // gettid()
  // Since the last look; the watchdog's, under its lock.
  const fiber* seen = nullptr;  // an identity: never looked through
  std::size_t taken = 0;
  duration held = duration::zero();
  duration waited_before = duration::zero();  // for a core, when this step was first seen
  bool is_reported = false;
};

// How long a step of this loop may take; zero: it is not to be watched. Reads WEFT_STALL_MS.
// Throws: std::logic_error for a negative options::slow_step.
duration slow_step_of(const options& how, const clock_source& time);

// Calls from: the loop's thread. A machine that refuses the thread leaves the loop unwatched.
void start_watching(watched_loop& loop) noexcept;
void stop_watching(watched_loop& loop) noexcept;

extern std::atomic<bool> is_watchdog_asleep;
void wake_watchdog_slowly() noexcept;

// Called by a loop that comes out of the kernel.
inline void wake_watchdog() noexcept {
  // relaxed: it may be missed for the moment in which the watchdog falls asleep, for a second
  if (WEFT_UNLIKELY(is_watchdog_asleep.load(std::memory_order_relaxed))) wake_watchdog_slowly();
}

}  // namespace detail
WEFT_NAMESPACE_END
