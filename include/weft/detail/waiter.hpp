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

#include <atomic>
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

// Whether a wait in several queues at once (select) is over: who takes the claim first ends it.
struct select_claim {
  static constexpr int nobody = -1;
  static constexpr int withdrawn = -2;

  // True for one caller only.
  bool take(int index) noexcept {
    int expected = nobody;
    // acq_rel: what the owner wrote before it queued is the claimer's to read
    return chosen.compare_exchange_strong(expected, index, std::memory_order_acq_rel,
                                          std::memory_order_relaxed);
  }

  std::atomic<int> chosen{nobody};
};

// A place in a queue, and whom to wake from it.
struct wait_place : list_node {
  WEFT_INLINE explicit wait_place(waker& owner) noexcept : who(&owner) {}

  WEFT_INLINE void signal() noexcept { who->signal(); }
  WEFT_INLINE void signal(const loop_core* here) noexcept { who->signal(here); }

  waker* const who;
  select_claim* claim = nullptr;  // of a select, which has several places
  int index = 0;                  // among these
  std::uint8_t verdict = 0;       // what the wait came to, in the primitive's own words
};

// One wait in one queue.
struct waiter : waker, wait_place {
  // `here` is what fibers_loop() said. `on` is told to the search for deadlocks by
  // wait_type::awaited.
  WEFT_INLINE waiter(loop_core* here, const void* on) noexcept
      : waker(of_fiber{}, here), wait_place(static_cast<waker&>(*this)), object(on) {}

  using waker::signal;

  const void* const object;
};

enum class queue_end : std::uint8_t { signalled, timed_out, cancelled };

// Waits for the signal alone; what the waiter stands in is the caller's to look after. A cancel
// that is due already ends the wait before it begins.
WEFT_INLINE wake_reason wait_for_signal(waker& self, const wait_type& what, time_point deadline,
                                        bool is_cancellable) noexcept {
  if (WEFT_UNLIKELY(!self.is_for_fiber())) return self.wait_until(deadline, false, what);
  if (is_cancellable) {
    const loop_core& here = *self.waiting_fiber()->home;
    is_cancellable = is_cancel_deliverable(here);
    if (WEFT_UNLIKELY((here.current->attention & attention_cancel) != 0) && is_cancellable &&
        is_cancel_due(here)) {
      return wake_reason::cancelled;
    }
  }
  return WEFT_LIKELY(deadline == time_point::max() && !self.has_arrived())
             ? self.park_once(is_cancellable, what)
             : self.wait_until(deadline, is_cancellable, what);
}

// What a wait came to that a deadline or a cancel has ended: out of the queue, unless somebody was
// faster.
template <class Waiter, class Lock>
WEFT_NOINLINE queue_end leave_queue(Waiter& self, Lock& lock, const wait_type& what,
                                    wake_reason reason) noexcept {
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

// Waits until somebody claims `self`, which was put into a queue guarded by `lock`; it is in none
// afterwards.
// Precondition: the lock is not held by the caller.
template <class Waiter, class Lock>
WEFT_INLINE queue_end wait_queued(Waiter& self, Lock& lock, const wait_type& what,
                                  time_point deadline, bool is_cancellable) noexcept {
  const wake_reason reason = wait_for_signal(self, what, deadline, is_cancellable);
  if (WEFT_LIKELY(reason == wake_reason::completed)) return queue_end::signalled;
  return leave_queue(self, lock, what, reason);
}

// The same as a wait that may throw `cancelled`; false when the deadline came first.
template <class Waiter, class Lock>
WEFT_INLINE bool wait_or_throw(Waiter& self, Lock& lock, const wait_type& what,
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

// The one that waits longest, to be claimed; nullptr when there is none. One whose wait a cancel or
// a deadline has ended already is passed over: what it would be given goes to the next (sem 49,
// 52). Precondition: the queue's lock is held.
WEFT_INLINE wait_place* first_waiting(list& queue, const loop_core* here) noexcept {
  const auto can_have_it = [here](list_node& node) {
    auto& place = static_cast<wait_place&>(node);
    return !place.who->is_leaving(here) &&
           (WEFT_LIKELY(place.claim == nullptr) || place.claim->take(place.index));
  };
  if (queue.empty()) return nullptr;
  if (WEFT_LIKELY(can_have_it(queue.front()))) return static_cast<wait_place*>(&queue.front());
  return static_cast<wait_place*>(queue.find_if(can_have_it));
}

// Waiters that were claimed under a lock, to be signalled after it: signal() may make a system
// call. Chained by `prev` alone, so that to its owner a claimed waiter is linked nowhere.
class claimed_waiters {
 public:
  claimed_waiters() noexcept : claimed_waiters(running_loop()) {}
  WEFT_INLINE explicit claimed_waiters(const loop_core* here) noexcept : here_(here) {}
  claimed_waiters(const claimed_waiters&) = delete;
  claimed_waiters& operator=(const claimed_waiters&) = delete;
  WEFT_INLINE ~claimed_waiters() {
    while (first_ != nullptr) {
      wait_place& next = *std::exchange(first_, static_cast<wait_place*>(first_->prev));
      next.prev = nullptr;
      next.signal(here_);  // its owner may be gone from here on
    }
  }

  // The running loop, or nullptr.
  const loop_core* here() const noexcept { return here_; }

  // Takes `w` out of its queue.  Precondition: the queue's lock is held.
  WEFT_INLINE void claim(wait_place& w, std::uint8_t verdict) noexcept {
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
    while (wait_place* const first = first_waiting(queue, here_)) claim(*first, verdict);
  }

 private:
  const loop_core* const here_;
  wait_place* first_ = nullptr;
  wait_place* last_ = nullptr;
};

}  // namespace detail
WEFT_NAMESPACE_END
