// SPDX-License-Identifier: BSL-1.0
// Waiting for one signal that may come from any thread: a fiber parks, a plain thread blocks.
// Layer: loop. Lives on the waiter's stack. Whoever has begun to signal must be waited for before
// it dies: take the waker out of the signaller's reach under its lock, or wait().
#pragma once

#include <atomic>
#include <cstdint>

#include "shared_side.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class waker {
 public:
  waker() noexcept;  // for the calling fiber, or thread
  waker(const waker&) = delete;
  waker& operator=(const waker&) = delete;

  // Waits for signal(). Cancellable only in a fiber. timed_out and cancelled say that the signal
  // had not arrived; it may still be under way.
  wake_reason wait_until(time_point deadline, bool is_cancellable, const wait_type& what) noexcept;

  // Waits for signal(), whatever else happens.
  void wait(const wait_type& what) noexcept { wait_until(time_point::max(), false, what); }

  // Ends the wait.  Calls from: any thread, once.
  void signal() noexcept;

  bool is_for_fiber() const noexcept { return self_ != nullptr; }

 private:
  struct arrival : inbox_node {
    waker* owner = nullptr;
  };
  static void arrive(inbox_node& message, loop_core& here) noexcept;
  wake_reason wait_as_fiber(time_point deadline, bool is_cancellable,
                            const wait_type& what) noexcept;
  wake_reason wait_as_thread(time_point deadline) noexcept;

  fiber* self_ = nullptr;               // nullptr: a plain thread waits
  shared_side* side_ = nullptr;         // of the waiting fiber's loop
  bool has_arrived_ = false;            // the waiting fiber's thread only
  std::atomic<std::uint32_t> word_{0};  // futex of a waiting thread: 1 when signalled
  arrival message_;
};

}  // namespace detail
WEFT_NAMESPACE_END
