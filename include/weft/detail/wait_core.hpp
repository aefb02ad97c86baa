// SPDX-License-Identifier: BSL-1.0
// A queue of waiters under its own lock: what primitives are built of that need no more than "wait
// here" and "let the first go on". Layer: sync. The lock also guards what the primitive counts.
#pragma once

#include <cstdint>

#include "weft/detail/check.hpp"
#include "weft/detail/chooser.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class Policy>
class wait_core {
 public:
  wait_core() noexcept = default;
  wait_core(const wait_core&) = delete;
  wait_core& operator=(const wait_core&) = delete;
  // Who destroys what is waited on leaves them hanging, or writing into freed memory.
  ~wait_core() {
    WEFT_ASSERT(queue.empty() && "nobody waits on it any more");
    note_access(this, access::ends);
  }

  WEFT_INLINE void lock() noexcept {
    note_access(this, access::writes);  // for testing::explore
    guard.lock();
  }
  WEFT_INLINE void unlock() noexcept { guard.unlock(); }

  // The first waiter, claimed, or nullptr; the caller signals it after unlock().
  // Precondition: the lock is held.
  WEFT_INLINE wait_place* claim_first(std::uint8_t verdict = 0) noexcept {
    wait_place* const first = queue.empty() ? nullptr : first_waiting(queue, running_loop());
    if (first != nullptr) {
      first->unlink();
      first->verdict = verdict;
    }
    return first;
  }

  // True if somebody waited.
  bool signal_first(std::uint8_t verdict = 0) noexcept {
    lock();
    wait_place* const first = claim_first(verdict);
    guard.unlock();
    if (first != nullptr) first->signal();
    return first != nullptr;
  }
  void signal_all(std::uint8_t verdict = 0) noexcept {
    claimed_waiters all;  // signalled when it dies, after unlock()
    lock();
    all.claim_all(queue, verdict);
    guard.unlock();
  }

  typename Policy::lock guard;
  list queue;  // guarded by guard
};

// A wait that begins before something else is given up: in the queue from the beginning, out of it
// at the end, also when an exception comes between.
template <class Policy>
class queued_wait {
 public:
  queued_wait(wait_core<Policy>& core, const wait_type& what) noexcept
      : core_(core), what_(what), own_(fibers_loop(), &core) {
    core_.lock();
    core_.queue.push_back(own_);
    core_.unlock();
  }
  queued_wait(const queued_wait&) = delete;
  queued_wait& operator=(const queued_wait&) = delete;
  ~queued_wait() {
    if (is_over_) return;
    core_.lock();
    const bool is_claimed = !own_.is_linked();
    if (!is_claimed) own_.unlink();
    core_.unlock();
    if (!is_claimed) return;
    own_.wait(what_);                  // its signal is under way
    core_.signal_first(own_.verdict);  // and was not for one who left: the next has it
  }

  queue_end wait(time_point deadline) noexcept {
    is_over_ = true;
    return wait_queued(own_, core_, what_, deadline, true);
  }

  [[noreturn]] void throw_cancelled() { detail::throw_cancelled(*own_.waiting_fiber()->home); }

 private:
  wait_core<Policy>& core_;
  const wait_type& what_;
  waiter own_;
  bool is_over_ = false;
};

}  // namespace detail
WEFT_NAMESPACE_END
