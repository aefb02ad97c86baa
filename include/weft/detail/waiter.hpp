// SPDX-License-Identifier: BSL-1.0
// One wait in one queue, under every primitive. Layer: sync. A waiter lies on the stack of who
// waits, so that no wait allocates, and stands in the queue of what it waits for.
//
// Who may do what:
// - The queue, and `verdict`, belong to whoever holds the primitive's lock. Taking a waiter out of
//   the queue claims it: its wait is over, and the one who took it owes it exactly one signal().
// - A waiter whose deadline passes, or that is cancelled, looks under the lock: still in the queue,
//   it leaves; claimed, what it was given is its own, and it waits for the signal. So nothing that
//   is handed over is lost, and nobody signals a wait that is over.
#pragma once

#include <cstdint>
#include <utility>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/waker.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct waiter : waker, list_node {
  // `on` is told to the search for deadlocks by wait_type::awaited.
  WEFT_INLINE waiter(loop_core* here, const void* on) noexcept : waker(here), object(on) {}

  const void* const object;
  std::uint8_t verdict = 0;  // what the wait came to, in the primitive's own words
};

enum class queue_end : std::uint8_t { signalled, timed_out, cancelled };

// Waits until somebody claims `self`, which was put into a queue guarded by `lock`; it is in none
// afterwards. A cancel that is due already ends the wait before it begins.
// Precondition: the lock is not held by the caller.
template <class Lock>
WEFT_INLINE queue_end wait_queued(waiter& self, Lock& lock, const wait_type& what,
                                  time_point deadline, bool is_cancellable) noexcept {
  wake_reason reason = wake_reason::cancelled;
  bool is_over = false;
  if (is_cancellable && self.is_for_fiber()) {
    const loop_core& here = *self.waiting_fiber()->home;
    is_cancellable = is_cancel_deliverable(here);
    is_over = WEFT_UNLIKELY((here.current->attention & attention_cancel) != 0) && is_cancellable &&
              is_cancel_due(here);
  }
  if (WEFT_LIKELY(!is_over)) {
    reason = self.is_for_fiber() && deadline == time_point::max() && !self.has_arrived()
                 ? self.park_once(is_cancellable, what)
                 : self.wait_until(deadline, is_cancellable, what);
    if (WEFT_LIKELY(reason == wake_reason::completed)) return queue_end::signalled;
  }
  lock.lock();
  const bool is_claimed = !self.is_linked();
  if (!is_claimed) self.unlink();
  lock.unlock();
  if (is_claimed) {
    self.wait(what);  // its signal is under way
    return queue_end::signalled;
  }
  return reason == wake_reason::timed_out ? queue_end::timed_out : queue_end::cancelled;
}

// The same as a wait that may throw `cancelled`; false when the deadline came first.
template <class Lock>
WEFT_INLINE bool wait_or_throw(waiter& self, Lock& lock, const wait_type& what,
                               time_point deadline = time_point::max()) {
  const queue_end end = wait_queued(self, lock, what, deadline, true);
  if (WEFT_UNLIKELY(end == queue_end::cancelled)) throw_cancelled(*self.waiting_fiber()->home);
  return end == queue_end::signalled;
}

// The running loop if a fiber asks, else nullptr: a plain thread, or the loop's own context.
WEFT_INLINE loop_core* fibers_loop() noexcept {
  loop_core* const here = running_loop();
  return WEFT_LIKELY(here != nullptr && here->current != &here->idle) ? here : nullptr;
}

// What completes at once though it might have waited costs a fiber one of its budget (sem 48).
WEFT_INLINE void spend_of(loop_core* here) noexcept {
  if (here != nullptr) spend_budget(*here);
}

// The one that waits longest; nullptr when there is none. One whose wait a cancel or a deadline has
// ended already is passed over: what it would be given goes to the next (sem 49, 52).
// Precondition: the queue's lock is held.
WEFT_INLINE waiter* first_waiting(list& queue, const loop_core* here) noexcept {
  return static_cast<waiter*>(queue.find_if(
      [here](list_node& node) { return !static_cast<waiter&>(node).is_leaving(here); }));
}

// Waiters that were claimed under a lock, to be signalled after it: signal() may make a system
// call. Chained by `prev` alone, so that to its owner a claimed waiter is linked nowhere.
class claimed_waiters {
 public:
  claimed_waiters() noexcept = default;
  claimed_waiters(const claimed_waiters&) = delete;
  claimed_waiters& operator=(const claimed_waiters&) = delete;
  ~claimed_waiters() {
    while (first_ != nullptr) {
      waiter& next = *std::exchange(first_, static_cast<waiter*>(first_->prev));
      next.prev = nullptr;
      next.signal();  // its owner may be gone from here on
    }
  }

  // Takes `w` out of its queue.  Precondition: the queue's lock is held.
  WEFT_INLINE void claim(waiter& w, std::uint8_t verdict) noexcept {
    w.verdict = verdict;
    w.unlink();
    if (first_ == nullptr) {
      first_ = &w;
    } else {
      last_->prev = &w;
    }
    last_ = &w;
  }
  void claim_all(list& queue, std::uint8_t verdict) noexcept {
    const loop_core* const here = running_loop();
    while (waiter* const first = first_waiting(queue, here)) claim(*first, verdict);
  }

 private:
  waiter* first_ = nullptr;
  waiter* last_ = nullptr;
};

}  // namespace detail
WEFT_NAMESPACE_END
