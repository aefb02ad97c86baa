// SPDX-License-Identifier: BSL-1.0
// What the calls that lock have in common: whether they wait as fibers, what the watch of held
// locks is told, and how they wait. Layer: hook.
#pragma once

#include <time.h>

#include <algorithm>
#include <cerrno>
#include <limits>

#include "../loop/held_locks.hpp"
#include "address_queue.hpp"
#include "gate.hpp"
#include "weft/detail/compiler.hpp"

// Who calls the hooked function, for reports: a line of the program, not of the wrapper.
#define WEFT_HOOK_PLACE __builtin_return_address(0)

WEFT_NAMESPACE_BEGIN
namespace hook {

using detail::held_kind;
using detail::wait_type;

// Set while the watch's own code runs: what that locks is not told of, nor does it park. Initial-
// exec: the first access of another model allocates, which may lock.
extern __thread bool is_inside_watch __attribute__((tls_model("initial-exec")));

class inside {
 public:
  inside() noexcept { is_inside_watch = true; }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;
  ~inside() { is_inside_watch = false; }
};

inline bool is_to_be_watched() noexcept {
  if (WEFT_UNLIKELY(is_inside_watch)) return false;
  const inside now;
  return detail::watches_locks();
}

// The loop whose fiber waits in this call, if it is to wait there. weft's own code locks, too
// (pool, watchdog, futures), for some instructions and with no park inside: it mostly gets away
// with the looks of lock_or_wait(). Where it is about to park or to end the fiber, it must not park
// here.
WEFT_INLINE loop* lock_loop(function_id id) noexcept {
  if (WEFT_UNLIKELY(is_inside_watch)) return nullptr;
  loop* const here = fiber_loop(tier::locks, id);
  return here != nullptr && here->current->state == detail::fiber_state::ready ? here : nullptr;
}

// True on a thread that runs a loop: all others pass on.
WEFT_INLINE bool has_loop() noexcept { return detail::running_loop() != nullptr; }

// `call()` locks: 0 or an error. May it block its thread for good?
template <class F>
int locked(const void* lock, held_kind how, bool may_block, const void* place, F&& call) noexcept {
  if (WEFT_LIKELY(!is_to_be_watched())) return call();
  if (may_block) {
    const inside now;
    if (detail::is_held_for_good(lock, how, place)) return EDEADLK;
  }
  const int error = call();
  if (error == 0 || error == EOWNERDEAD) {
    const inside now;
    detail::note_locked(lock, how, place);
  }
  return error;
}

inline void unlocked(const void* lock) noexcept {
  if (WEFT_LIKELY(!is_to_be_watched())) return;
  const inside now;
  detail::note_unlocked(lock);
}

// -- deadlines --

// When a call is to give up, by one of the C library's clocks; without one, never.
class call_deadline {
 public:
  call_deadline() = default;
  call_deadline(loop& here, clockid_t clock, const timespec* when) noexcept;
  static call_deadline in(loop& here, const timespec* span) noexcept;

  bool is_valid() const noexcept { return is_valid_; }
  // As far as can be told now.
  time_point moment(loop& here) const noexcept;
  // The same for who waits again: a wall clock may be set meanwhile, so it is asked once a second.
  time_point next_look(loop& here) const noexcept;
  bool has_passed(loop& here) const noexcept;

 private:
  duration left_by_clock() const noexcept;

  bool is_valid_ = true;
  bool is_endless_ = true;
  clockid_t clock_ = CLOCK_MONOTONIC;
  timespec when_{};
  time_point by_loop_{};  // for a clock that is not the machine's: then alone
};

// -- waiting --

// Longest and shortest time until a wait looks again by itself: for changes that come by a way
// which nobody sees (the C library's own unlock inside a thread's pthread_cond_wait, another
// process).
inline constexpr duration first_pause = std::chrono::milliseconds(1);
inline constexpr duration longest_pause = std::chrono::milliseconds(10);

class pauses {
 public:
  explicit pauses(duration longest = longest_pause) noexcept : longest_(longest) {}
  // A virtual clock knows its world: there a timer would only make time pass.
  time_point next(loop& here) noexcept {
    if (!here.time->is_wall_time()) return time_point::max();
    const time_point at = detail::saturating_add(here.time->now(), now_);
    now_ = std::min(2 * now_, longest_);
    return at;
  }

 private:
  const duration longest_;
  duration now_ = first_pause;
};

// How a lock is waited for.
struct lock_wait {
  function_id id;
  const void* object;
  const wait_type& what;
  call_deadline deadline{};
  // Nobody but a fiber of this thread can change it now: no timer, so that fibers that wait for
  // each other are found out.
  bool (*is_of_this_thread)(loop& here, const void* object) = nullptr;
};

// Calls attempt() until it says something else than EBUSY: that; ETIMEDOUT, EINVAL for an invalid
// deadline, EINTR if the wait's type says so.
template <class F>
int wait_to_lock(loop& here, const lock_wait& how, F&& attempt) noexcept {
  if (!how.deadline.is_valid()) return EINVAL;
  pauses again;
  for (;;) {
    address_wait own(here, how.object);
    int error = attempt();
    if (error != EBUSY) {
      own.leave(how.what);
      return error;
    }
    if (how.deadline.has_passed(here)) {
      if (!own.leave(how.what)) return ETIMEDOUT;
      error = attempt();  // who woke us counts on it: if it is held again, that one wakes the next
      return error == EBUSY ? ETIMEDOUT : error;
    }
    time_point look_at = how.deadline.next_look(here);
    if (how.is_of_this_thread == nullptr || !how.is_of_this_thread(here, how.object)) {
      look_at = std::min(look_at, again.next(here));
    }
    count(tally_of(how.id).waits);
    const wait_end end = own.wait(how.what, look_at);
    error = attempt();
    if (error != EBUSY) return error;
    if (end == wait_end::interrupted) return EINTR;
  }
}

// As wait_to_lock(), but first looks a few times: what other threads hold is mostly free again in
// less time than a park takes.
template <class F>
int lock_or_wait(loop& here, const lock_wait& how, F&& attempt) noexcept {
  constexpr unsigned looks = 40;  // about a microsecond
  const bool is_worth_it =
      how.is_of_this_thread == nullptr || !how.is_of_this_thread(here, how.object);
  for (unsigned i = 0; is_worth_it && i < looks; ++i) {
    const int error = attempt();
    if (error != EBUSY) return error;
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  return wait_to_lock(here, how, attempt);
}

// The object that a parked fiber's address_wait is for: from fiber::wait_on.
inline const void* awaited_object(const void* on) noexcept {
  return static_cast<const detail::waiter*>(static_cast<const detail::waker*>(on))->object;
}

// Tells who holds what is awaited; of this thread's fibers.
void visit_owner(const void* on, detail::awaited_visitor& to);

}  // namespace hook
WEFT_NAMESPACE_END
