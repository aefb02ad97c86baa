// SPDX-License-Identifier: BSL-1.0
// Waiting for one signal that may come from any thread: a fiber parks, a plain thread blocks.
// Layer: loop. Lives on the waiter's stack. Whoever has begun to signal must be waited for before
// it dies: take the waker out of the signaller's reach under its lock, or wait(). Inline as far as
// a fiber meets another of its own loop; the rest lies in src/loop/waker.cpp.
#pragma once

#include <atomic>
#include <cstdint>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/park.hpp"
#include "weft/detail/wait_type.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class WEFT_API waker {
 public:
  // For the calling fiber, or thread.
  waker() noexcept : waker(running_loop()) {}
  // The same for who knows the running loop, or that there is none.
  WEFT_INLINE explicit waker(loop_core* here) noexcept {
    // The idle context parks nowhere: it is the thread.
    if (WEFT_LIKELY(here != nullptr && here->current != &here->idle)) self_ = here->current;
  }
  // The same for who has asked fibers_loop().
  struct of_fiber {};
  WEFT_INLINE waker(of_fiber, loop_core* here) noexcept
      : self_(here != nullptr ? here->current : nullptr) {}
  waker(const waker&) = delete;
  waker& operator=(const waker&) = delete;

  // Waits for signal(). Cancellable only in a fiber. timed_out and cancelled say that the signal
  // had not arrived; it may still be under way.
  wake_reason wait_until(time_point deadline, bool is_cancellable, const wait_type& what) noexcept;

  // Waits for signal(), whatever else happens.
  void wait(const wait_type& what) noexcept { wait_until(time_point::max(), false, what); }

  // As wait_until() without a deadline.  Precondition: is_for_fiber(), no signal yet.
  WEFT_INLINE wake_reason park_once(bool is_cancellable, const wait_type& what) noexcept {
    loop_core& here = *self_->home;
    const bool is_counted = what.by != ended_by::fibers;
    if (is_counted) ++here.waiting[static_cast<unsigned>(what.by)];
    const wake_reason reason = park(here, what, this, is_cancellable);
    if (is_counted) --here.waiting[static_cast<unsigned>(what.by)];
    self_->wait_on = nullptr;
    return has_arrived_ ? wake_reason::completed : reason;
  }

  // Ends the wait.  Calls from: any thread, once. `here`: its running loop, or nullptr.
  WEFT_INLINE void signal() noexcept { signal(running_loop()); }
  WEFT_INLINE void signal(const loop_core* here) noexcept {
    if (WEFT_LIKELY(self_ != nullptr && self_->home == here)) {
      signal_here();
    } else {
      signal_elsewhere();
    }
  }

  // The same for a waker of a fiber of this thread's loop.
  WEFT_INLINE void signal_here() noexcept {
    has_arrived_ = true;
    // Woken by a deadline or cancel meanwhile, it is not parked here; it will see the flag.
    if (WEFT_LIKELY(self_->wait_on == this)) wake(*self_, wake_reason::completed);
  }

  // True if its fiber is parked here, on the loop `here` (this thread's), and nothing has ended
  // that.
  WEFT_INLINE bool is_parked(const loop_core* here) const noexcept {
    return self_ != nullptr && self_->home == here && self_->state == fiber_state::parked &&
           self_->wait_on == this;
  }

  // The same as signal().  Precondition: is_parked().
  WEFT_INLINE void signal_parked() noexcept {
    has_arrived_ = true;
    wake_parked(*self_, wake_reason::completed);
  }

  // True if a deadline or a cancel has ended the wait already, of a fiber of the loop `here` (this
  // thread's): it is ready and will find out when it runs.
  WEFT_INLINE bool is_leaving(const loop_core* here) const noexcept {
    return self_ != nullptr && self_->home == here && self_->state != fiber_state::parked &&
           self_->wait_on == this;
  }

  bool is_for_fiber() const noexcept { return self_ != nullptr; }
  fiber* waiting_fiber() const noexcept { return self_; }
  bool has_arrived() const noexcept { return has_arrived_; }

 private:
  struct arrival : inbox_node {
    waker* owner;
  };
  static void arrive(inbox_node& message, loop_core& here) noexcept;
  void signal_elsewhere() noexcept;
  wake_reason wait_as_fiber(time_point deadline, bool is_cancellable,
                            const wait_type& what) noexcept;
  wake_reason wait_as_thread(time_point deadline) noexcept;

  fiber* self_ = nullptr;               // nullptr: a plain thread waits
  bool has_arrived_ = false;            // the waiting fiber's thread only
  std::atomic<std::uint32_t> word_{0};  // futex of a waiting thread: 1 when signalled
  union {
    arrival message_;  // made by a signaller from elsewhere
  };
};

}  // namespace detail
WEFT_NAMESPACE_END
