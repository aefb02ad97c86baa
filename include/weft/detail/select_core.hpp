// SPDX-License-Identifier: BSL-1.0
// Waiting for the first of several things. Layer: sync. A case is a window: channels, tasks, events
// and the layers above each bring theirs. src/sync/select.cpp says how one is chosen.
#pragma once

#include <cstddef>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/spin_lock.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// What the places of one select share. On the caller's stack.
struct select_wait : waker {
  WEFT_INLINE explicit select_wait(loop_core* here) noexcept : waker(here) {}
  select_claim claim;
};

// One case, on the caller's stack. Every function but finish() is called with `lock` held, if there
// is one.
class select_case {
 public:
  // True if commit() would probably succeed.
  virtual bool is_ready(const loop_core* here) noexcept = 0;

  // Does it. False: somebody was faster. May give the lock up meanwhile; `woken` is signalled after
  // it.  Throws: closed_error; what moving a value throws.
  virtual bool commit(claimed_waiters& woken) = 0;

  // Stands in the queue of what the case waits for, to be claimed as number `index`.
  virtual void enter(select_wait& wait, int index) noexcept = 0;

  // Leaves that queue, if it is in one.
  virtual void leave() noexcept = 0;

  // After it was claimed: true if that did it, false if the case must be tried again.
  virtual bool has_succeeded() noexcept = 0;

  spin_lock* lock = nullptr;                // nullptr: one loop's own
  const void* object = nullptr;             // what it looks at and changes, for testing::explore
  ended_by by = ended_by::fibers;           // who could end the wait
  time_point deadline = time_point::max();  // only of a case that waits for time
  bool is_otherwise = false;
  bool is_exact = false;   // there is an otherwise: that nothing is ready must be so, not seem so
  bool was_ready = false;  // at the look under way

 protected:
  select_case() noexcept = default;
  ~select_case() = default;
};

// Waits until one of them is done; its index. `locks` is room for as many.
// Throws: cancelled, with none done; what a commit() throws.
WEFT_API std::size_t select_first(select_case** cases, spin_lock** locks, std::size_t count);

}  // namespace detail
WEFT_NAMESPACE_END
