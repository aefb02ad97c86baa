// SPDX-License-Identifier: BSL-1.0
// Waits for a number of things that may still grow, as Go's sync.WaitGroup. Layer: sync. If the
// things are tasks, a task_group also takes their errors and their cancellation.
#pragma once

#include <chrono>
#include <cstddef>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/countdown.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Counts what is under way and lets others wait until nothing is. It can be used again from zero.
// Count up before the thing begins, where the one who waits also runs: counted by the thing itself,
// wait() may come first and find nothing.
// Lifetime: must outlive all who wait, which the destructor asserts. Who found it at zero may
// destroy it, even while the last done() is on its way back.
template <class Policy>
class basic_wait_group {
 public:
  basic_wait_group() noexcept : core_(0) {}
  basic_wait_group(const basic_wait_group&) = delete;
  basic_wait_group& operator=(const basic_wait_group&) = delete;

  // One of the things: counts up, and down when it is destroyed. Move-only.
  // Lifetime: the group must outlive it.
  class [[nodiscard]] guard {
   public:
    explicit guard(basic_wait_group& group) : group_(&group) { group.add(1); }
    guard(guard&& other) noexcept : group_(std::exchange(other.group_, nullptr)) {}
    guard& operator=(guard other) noexcept {
      std::swap(group_, other.group_);
      return *this;
    }
    ~guard() {
      if (group_ != nullptr) group_->done();
    }

   private:
    basic_wait_group* group_;
  };

  // Counts n more, or fewer if n is negative; at zero all waits end.
  // Parks: never.  Calls from: any thread.
  // Throws: std::logic_error if the count would go below zero; nothing is counted then.
  void add(std::ptrdiff_t n = 1) { core_.add(n, "wait_group::add()"); }
  void done() { core_.add(-1, "wait_group::done()"); }

  // Waits until the count is zero. One that was zero for a moment has ended the waits that there
  // were, also if it has grown again since.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).  Throws: cancelled.
  void wait() { core_.wait_until(time_point::max(), group_wait); }

  // The same until a deadline; false if it came first. One that has passed looks once.
  template <class Duration>
  bool wait_until(std::chrono::time_point<clock, Duration> deadline) {
    return core_.wait_until(saturate(deadline), group_wait);
  }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> span) {
    return wait_until(saturating_add(now(), saturate(span)));
  }

  // How many are under way at this moment.  Parks: never.  Calls from: any thread.
  std::ptrdiff_t count() const noexcept { return core_.count(); }

 private:
  static constexpr wait_type group_wait{"wait_group", Policy::by};

  countdown<Policy> core_;
};

}  // namespace detail

using wait_group = detail::basic_wait_group<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
using wait_group = detail::basic_wait_group<detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
