// SPDX-License-Identifier: BSL-1.0
// The lock that is not free: waiting for it, handing it over, and what is said to who misuses it.
//
// Between fibers of one loop the lock goes from hand to hand, in order. To a waiter on another
// thread it is only offered: a hand-over would make everybody wait until that thread comes round
// (9-11 times slower under contention, measured). Who has competed for 0.5 ms is served first.
#include "weft/detail/lock_core.hpp"

#include <string>

#include "../base/clock.hpp"
#include "../loop/loop.hpp"
#include "lock_holder.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct lock_waiter : waiter {
  lock_waiter(loop_core* here, const void* on) noexcept
      : waiter(here, on), self(this_holder(here)) {}
  const lock_holder self;
  time_point since{};  // its first try; set for waits between threads only
  bool was_robbed = false;
};

namespace {

constexpr duration waiters_patience = std::chrono::microseconds(500);

struct lock_verdict {
  enum : std::uint8_t { compete = 1, granted = 2 };
};

template <class Policy>
void visit_holder(const void* on, awaited_visitor& to) {
  const auto& w = static_cast<const waiter&>(*static_cast<const waker*>(on));
  const auto& core = *static_cast<const lock_core<Policy>*>(w.object);
  if (const fiber* const f = known_holder(core.holder())) to.visit(*f);
}

template <class Policy>
constexpr wait_type lock_wait{"mutex", Policy::by, &visit_holder<Policy>};

}  // namespace

template <class Policy>
void lock_core<Policy>::note_destroyed() const noexcept {
  const lock_holder holder = this->holder();
  if (!const_cast<list&>(queue_).empty()) {
    fatal("a mutex was destroyed while others wait for it: it must outlive all who lock it");
  }
  if (holder == nobody) return;
  try {
    send_report("weft: a mutex was destroyed while " + describe_holder(holder) +
                " holds it: it must outlive all who lock it");
  } catch (...) {
  }
}

template <class Policy>
bool lock_core<Policy>::try_lock_slowly(loop_core* here) noexcept {
  const lock_holder self = this_holder(here);
  bool is_taken = false;
  guard_.lock();
  lock_holder seen = word_.load(std::memory_order_relaxed);
  if ((seen & ~has_waiters) == nobody) {  // others were woken to compete for it
    is_taken = word_.compare_exchange_strong(seen, self | (seen & has_waiters),
                                             std::memory_order_acquire, std::memory_order_relaxed);
  } else if (here != nullptr && offer_.on.load(std::memory_order_relaxed) == here &&
             offer_.by != self && offer_.to->is_leaving(here) && !offer_.to->was_robbed) {
    offer_.to->verdict = lock_verdict::compete;
    offer_.to->was_robbed = true;
    offer_.on.store(nullptr, std::memory_order_relaxed);
    word_.store(self | has_waiters, std::memory_order_relaxed);
    is_taken = true;
  }
  guard_.unlock();
  if (is_taken && here != nullptr) ++here->current->locks_taken;
  return is_taken;
}

// Takes the lock if it is free, else sees to it that unlock() will look into the queue.
// Precondition: guard_ is held.
template <class Policy>
bool lock_core<Policy>::take_or_mark(lock_holder self) noexcept {
  lock_holder seen = word_.load(std::memory_order_relaxed);
  for (;;) {
    if ((seen & ~has_waiters) == nobody) {
      const lock_holder wanted = self | (queue_.empty() ? 0 : has_waiters);
      if (word_.compare_exchange_strong(seen, wanted, std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
        return true;
      }
    } else if ((seen & has_waiters) != 0 ||
               word_.compare_exchange_strong(seen, seen | has_waiters, std::memory_order_relaxed,
                                             std::memory_order_relaxed)) {
      return false;
    }
  }
}

template <class Policy>
bool lock_core<Policy>::wait_for_lock(loop_core* here, time_point deadline) {
  if (here != nullptr) refuse_wait_in_child(*here);
  const time_point since = Policy::is_local ? time_point{} : the_machine_clock().now();
  bool is_first = true;
  bool was_robbed = false;
  for (;;) {
    lock_waiter own(here, this);
    own.since = since;
    own.was_robbed = was_robbed;
    guard_.lock();
    if (take_or_mark(own.self)) {
      guard_.unlock();
      break;
    }
    // Who was woken to compete, and lost, stays before those who came later.
    if (is_first) {
      queue_.push_back(own);
    } else {
      queue_.push_front(own);
    }
    guard_.unlock();
    is_first = false;
    const queue_end end = wait_queued(own, guard_, lock_wait<Policy>, deadline, false);
    if (end == queue_end::timed_out) return false;
    if (own.verdict == lock_verdict::granted) {
      // Only what is ours to clear: a fiber of this loop has it until it unlocks.
      if (here != nullptr && offer_.on.load(std::memory_order_relaxed) == here) {
        offer_.on.store(nullptr, std::memory_order_relaxed);
      }
      break;
    }
    was_robbed = own.was_robbed;
  }
  if (here != nullptr) ++here->current->locks_taken;
  return true;
}

template <class Policy>
void lock_core<Policy>::lock_slowly(loop_core* here, const char* call) {
  if (is_mine()) {
    misuse(std::string(call) + " was called by " + describe_caller(here) +
           ", which holds the lock already: unlock it before, or use a recursive_mutex");
  }
  wait_for_lock(here, time_point::max());
}

template <class Policy>
bool lock_core<Policy>::lock_until(time_point deadline, const char* call) {
  loop_core* const here = fibers_loop();
  touch(here);
  if (take_free(here)) {
    spend_of(here);
    return true;
  }
  if (is_mine()) lock_slowly(here, call);  // throws
  return wait_for_lock(here, deadline);
}

template <class Policy>
void lock_core<Policy>::unlock_slowly(loop_core* here, lock_holder seen, const char* call) {
  const lock_holder holder = seen & ~has_waiters;
  if (holder != this_holder(here)) {
    misuse(std::string(call) + " was called by " + describe_caller(here) + ", but " +
           (holder == nobody ? "nobody" : describe_holder(holder)) + " holds the lock");
  }
  guard_.lock();
  auto* const longest = static_cast<lock_waiter*>(first_waiting(queue_, here));
  if (longest == nullptr) {
    word_.store(nobody, std::memory_order_release);
    guard_.unlock();
    return;
  }
  lock_waiter& first = *longest;
  first.unlink();
  const lock_holder others = queue_.empty() ? 0 : has_waiters;
  const bool is_near =
      here != nullptr && first.is_for_fiber() && first.waiting_fiber()->home == here;
  if (Policy::is_local || is_near || the_machine_clock().now() - first.since >= waiters_patience) {
    first.verdict = lock_verdict::granted;
    if (is_near) {
      offer_.to = &first;
      offer_.by = holder;
    }
    offer_.on.store(is_near ? here : nullptr, std::memory_order_relaxed);
    word_.store(first.self | others, std::memory_order_release);
  } else {
    first.verdict = lock_verdict::compete;
    word_.store(others, std::memory_order_release);
  }
  guard_.unlock();
  first.signal();
}

template class lock_core<any_thread>;
template class lock_core<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
