// SPDX-License-Identifier: BSL-1.0
// See waker.hpp.
#include "waker.hpp"

#include <linux/futex.h>

#include <cerrno>
#include <ctime>

#include "../base/syscalls.hpp"
#include "loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

waker::waker() noexcept {
  message_.owner = this;
  message_.run = &arrive;
  loop_core* const here = running_loop();
  if (here == nullptr || here->current == &here->idle) return;
  self_ = here->current;
  side_ = here->shared;
}

void waker::arrive(inbox_node& message, loop_core&) noexcept {
  waker& here = *static_cast<arrival&>(message).owner;
  here.has_arrived_ = true;
  // Woken by a deadline or cancel meanwhile, it is not parked here; it will see the flag.
  if (here.self_->wait_on == &here) wake(*here.self_, wake_reason::completed);
}

void waker::signal() noexcept {
  if (self_ == nullptr) {
    // release; pairs with the acquire of the waiting thread. After the store the waker may be
    // gone: a futex wake on a dead address wakes nobody, or somebody who looks again.
    word_.store(1, std::memory_order_release);
    raw_syscall(SYS_futex, &word_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
    return;
  }
  if (running_loop() == self_->home) {
    arrive(message_, *self_->home);
    return;
  }
  // The fiber may run, and its loop end, as soon as the message is in: keep the inbox for the rest
  // of push(). The inbox is open: a loop does not end while one of its fibers waits.
  shared_side* const side = side_;
  side->add_ref();
  side->box.push(message_);
  side->drop_ref();
}

wake_reason waker::wait_until(time_point deadline, bool is_cancellable,
                              const wait_type& what) noexcept {
  return self_ != nullptr ? wait_as_fiber(deadline, is_cancellable, what)
                          : wait_as_thread(deadline);
}

wake_reason waker::wait_as_fiber(time_point deadline, bool is_cancellable,
                                 const wait_type& what) noexcept {
  loop& here = whole(*running_loop());
  while (!has_arrived_) {
    if (deadline != time_point::max()) {
      const time_point now = here.time->now();
      if (deadline <= now) return wake_reason::timed_out;
      arm_own_timer(here, now, deadline);
    }
    std::size_t& waiting = here.waits_for(what.by);
    ++waiting;
    const wake_reason reason = park(here, what, this, is_cancellable);
    --waiting;
    self_->wait_on = nullptr;
    if (!has_arrived_ && reason != wake_reason::completed) return reason;
  }
  return wake_reason::completed;
}

wake_reason waker::wait_as_thread(time_point deadline) noexcept {
  timespec until{};
  if (deadline != time_point::max()) {
    const auto nanoseconds =
        std::chrono::duration_cast<std::chrono::nanoseconds>(deadline.time_since_epoch()).count();
    if (nanoseconds > 0) {
      until.tv_sec = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
      until.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
    }
  }
  timespec* const limit = deadline != time_point::max() ? &until : nullptr;
  while (word_.load(std::memory_order_acquire) == 0) {
    // FUTEX_WAIT_BITSET: its deadline is absolute and monotonic.
    const long result = raw_syscall(SYS_futex, &word_, FUTEX_WAIT_BITSET_PRIVATE, 0, limit, nullptr,
                                    FUTEX_BITSET_MATCH_ANY);
    if (result == -ETIMEDOUT && word_.load(std::memory_order_acquire) == 0) {
      return wake_reason::timed_out;
    }
  }
  return wake_reason::completed;
}

}  // namespace detail
WEFT_NAMESPACE_END
