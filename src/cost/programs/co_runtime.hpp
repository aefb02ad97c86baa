// SPDX-License-Identifier: BSL-1.0
// What the co_await halves of the programs stand on: the C++20 peer's tasks, ring and channels, with
// frames from malloc as the compiler makes them, and a timer heap. The fiber halves stand on weft.
// Included by one source file each, which is a world of its own: all is in an unnamed namespace.
#pragma once

#include <time.h>

#include <coroutine>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>

#include "cost/contenders/coroutine_task.hpp"

namespace cost {
namespace {
// When nobody is ready, whoever has slept long enough is next.
struct timed_ring : handle_ring {
  std::coroutine_handle<> pop();
};
timed_ring ready;
}  // namespace
}  // namespace cost

#include "cost/contenders/coroutine_messages.hpp"
#include "cost/contenders/coroutine_started.hpp"

namespace cost {
namespace {

using channel = coroutine_channel;

struct yielding {
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) const noexcept {
    ready.push(self);
    return ready.pop();
  }
  void await_resume() const noexcept {}
};

[[maybe_unused]] std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A value that comes once, or too late.
class reply {
  using timers = std::multimap<std::int64_t, reply*>;  // by deadline

 public:
  class waiting {
   public:
    waiting(reply& of, std::int64_t deadline) : of_(of), deadline_(deadline) {}
    bool await_ready() const noexcept { return of_.value_.has_value(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) {
      of_.waiter_ = self;
      of_.timer_ = all().emplace(deadline_, &of_);
      return ready.pop();
    }
    std::optional<std::uint64_t> await_resume() const noexcept { return of_.value_; }

   private:
    reply& of_;
    std::int64_t deadline_;
  };

  reply() = default;
  reply(const reply&) = delete;
  reply& operator=(const reply&) = delete;
  ~reply() { leave(); }

  waiting until(std::int64_t deadline) { return {*this, deadline}; }
  void set(std::uint64_t value) {
    value_ = value;
    wake();
  }

  static void expire_first() {
    const auto [deadline, first] = *all().begin();
    if (now_ns() < deadline) {
      const timespec until{deadline / 1'000'000'000, deadline % 1'000'000'000};
      ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
    }
    first->wake();
  }

 private:
  static timers& all() {
    static timers every;
    return every;
  }
  void leave() {
    if (waiter_) all().erase(timer_);
  }
  void wake() {
    if (!waiter_) return;
    leave();
    ready.push(std::exchange(waiter_, nullptr));
  }

  std::optional<std::uint64_t> value_;
  std::coroutine_handle<> waiter_;  // not null: timer_ is in the map
  timers::iterator timer_;
};

inline std::coroutine_handle<> timed_ring::pop() {
  while (size() == 0) reply::expire_first();
  return handle_ring::pop();
}

// Runs `main` and all that it starts; main's own result.
[[maybe_unused]] std::uint64_t run_coroutines(started (*main)(std::size_t), std::size_t tasks) {
  ready.restart(tasks * 4 + 64);
  std::uint64_t result = 0;
  const auto drive = [&]() -> task<> {
    result = co_await main(tasks);
    std::coroutine_handle<> none;
    co_await paused_driver{none};
  };
  const task<> driver = drive();
  driver.handle().resume();
  return result;
}

}  // namespace
}  // namespace cost
