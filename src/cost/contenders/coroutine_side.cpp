// SPDX-License-Identifier: BSL-1.0
// Peer: C++20 coroutines with the least that can be scheduled: an array ring of handles, a yield
// that goes on to the next by symmetric transfer, a lazy task<> that resumes its caller by
// symmetric transfer. No cancellation, no exceptions out of tasks, no errno. Compiled twice:
// COST_FRAMES says where frames come from, COST_SIDE and COST_SIDE_NAME what the result is called.
// A driver, one of those that take turns as in spin.hpp, pauses when its laps are done.
#include <time.h>

#include <coroutine>
#include <cstdlib>
#include <memory>
#include <queue>
#include <utility>
#include <vector>

#include "coroutine_task.hpp"
#include "sides.hpp"
#include "spin.hpp"

namespace cost {
namespace {

// One for all, at a fixed address: reached through each coroutine's frame, it made a yield twice as
// dear (5.1 ns against 2.5).
handle_ring ready;

}  // namespace
}  // namespace cost

#include "coroutine_messages.hpp"
#include "coroutine_teams.hpp"

namespace cost {
namespace {

struct yielding {
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> self) const noexcept {
    ready.push(self);
    return ready.pop();
  }
  void await_resume() const noexcept {}
};

// Back to whoever resumed the driver, which goes on from here at the next resume().
struct pausing {
  std::coroutine_handle<>& paused;
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> self) const noexcept { paused = self; }
  void await_resume() const noexcept {}
};

}  // namespace
}  // namespace cost

#include "coroutine_interop.hpp"

namespace cost {
namespace {

template <int Kind, int Calls>
[[gnu::noinline]] task<> call_chain() {
  if constexpr (Calls == 1) {
    co_await yielding{};
  } else {
    co_await call_chain<Kind, Calls - 1>();
  }
  asm volatile("" : : "i"(Kind * 32 + Calls) : "memory");
}

struct turn_taking {
  lap_count laps;
  std::coroutine_handle<> driver;
};

template <int Kind, int Calls>
task<> spin(turn_taking& all, bool is_driver) {
  for (;;) {
    if constexpr (Calls == 0) {
      co_await yielding{};
    } else {
      co_await call_chain<Kind, Calls>();
    }
    asm volatile("" : : "i"(Kind * 32 + Calls) : "memory");
    if (all.laps.is_counted) ++all.laps.steps;
    if (is_driver && --all.laps.left == 0) co_await pausing{all.driver};
  }
}

using spinner = task<> (*)(turn_taking&, bool);

spinner spinner_of(int kind, int calls_above) {
  static constexpr spinner spinners[2][4] = {{&spin<0, 0>, &spin<0, 1>, &spin<0, 4>, &spin<0, 16>},
                                             {&spin<1, 0>, &spin<1, 1>, &spin<1, 4>, &spin<1, 16>}};
  return spinners[kind][place_of(calls_above)];
}

[[gnu::noinline]] task<unsigned> dive(unsigned depth, turn_taking& all, bool stays,
                                      unsigned whole) {
  unsigned below = 0;
  if (depth == 1) {
    co_await yielding{};
    while (stays) {
      if (all.laps.is_counted) all.laps.steps += dive_sum(whole);
      co_await yielding{};
    }
  } else {
    below = co_await dive(depth - 1, all, stays, whole);
  }
  co_return below + depth;
}

task<> dive_forever(turn_taking& all, chain_shape shape) {
  for (;;) {
    const unsigned sum = co_await dive(shape.depth, all, shape.stays, shape.depth);
    if (all.laps.is_counted) all.laps.steps += sum;
  }
}

class yields final : public contender {
 public:
  explicit yields(const yield_shape& shape) : per_lap_(shape.fibers) {
    add(spinner_of(0, shape.calls_above)(all_, true));
    for (std::size_t i = 1; i < shape.fibers; ++i) {
      const int kind = shape.is_mixed && i % 2 == 1 ? 1 : 0;
      add(spinner_of(kind, shape.calls_above)(all_, false));
    }
    begin();
  }

  explicit yields(const chain_shape& shape) : per_lap_(1) {
    add(spinner_of(0, 0)(all_, true));
    add(dive_forever(all_, shape));
    begin();
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, per_lap_);
    all_.laps.left = laps;
    all_.driver.resume();
    return laps * per_lap_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(all_.laps, [&] { run(operations); });
  }

 private:
  void add(task<> one) { members_.push_back(std::move(one)); }

  // The driver comes first, and is not in the ring while it is resumed by hand.
  void begin() {
    ready.restart(members_.size());
    for (std::size_t i = 1; i < members_.size(); ++i) ready.push(members_[i].handle());
    all_.driver = members_[0].handle();
  }

  turn_taking all_;
  std::uint64_t per_lap_;
  std::vector<task<>> members_;
};

// Going on in the next by symmetric transfer, with nothing in between: where there is no stack,
// that is all that a switch can be.
struct hopping {
  const std::coroutine_handle<>& to;
  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<>) const noexcept { return to; }
  void await_resume() const noexcept {}
};

class hops final : public contender {
 public:
  explicit hops(std::size_t count) : handles_(count) {
    for (std::size_t i = 0; i < count; ++i) {
      members_.push_back(spin(i == 0, handles_[(i + 1) % count]));
      handles_[i] = members_.back().handle();
    }
  }

  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, handles_.size());
    laps_.left = laps;
    handles_[0].resume();
    return laps * handles_.size();
  }
  std::uint64_t check(std::uint64_t operations) override {
    return count_steps(laps_, [&] { run(operations); });
  }

 private:
  task<> spin(bool is_driver, const std::coroutine_handle<>& next) {
    for (;;) {
      co_await hopping{next};
      asm volatile("" : : : "memory");
      if (laps_.is_counted) ++laps_.steps;
      if (is_driver && --laps_.left == 0) co_await std::suspend_always{};
    }
  }

  lap_count laps_;
  std::vector<std::coroutine_handle<>> handles_;
  std::vector<task<>> members_;
};

[[gnu::noinline]] task<> nothing() { co_return; }
[[gnu::noinline]] task<> counted(std::uint64_t& ran) {
  ++ran;
  co_return;
}

// All frames of a batch are there before the first is awaited, as all fibers of the others' are.
class spawns final : public contender {
 public:
  explicit spawns(const spawn_shape& shape) : batch_(shape.batch), driver_(drive()) {
    tasks_.reserve(batch_);
    paused_ = driver_.handle();
  }

  std::uint64_t run(std::uint64_t operations) override {
    left_ = laps_for(operations, batch_);
    const std::uint64_t batches = left_;
    paused_.resume();
    return batches * batch_;
  }

  std::uint64_t check(std::uint64_t operations) override {
    std::uint64_t ran = 0;
    const auto all = [&]() -> task<> {
      for (std::uint64_t i = 0; i < operations; ++i) co_await counted(ran);
    };
    const task<> one = all();
    one.handle().resume();
    return ran;
  }

 private:
  task<> drive() {
    for (;;) {
      for (; left_ != 0; --left_) {
        if (batch_ == 1) {
          co_await nothing();
        } else {
          for (std::size_t i = 0; i < batch_; ++i) tasks_.push_back(nothing());
          for (auto& each : tasks_) co_await each;
          tasks_.clear();
        }
      }
      co_await pausing{paused_};
    }
  }

  std::size_t batch_;
  std::uint64_t left_ = 0;
  std::vector<task<>> tasks_;
  std::coroutine_handle<> paused_;
  task<> driver_;
};

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

// A heap of deadlines. With a tick, deadlines are rounded up to it, so that one wait of the thread
// ends many sleeps: cheaper, and late by up to the tick.
class sleepers final : public contender {
 public:
  sleepers(const sleepers_shape& shape, std::int64_t tick_ns) : shape_(shape), tick_ns_(tick_ns) {}

  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) all();
    return operations;
  }

  // Of the last run: another one would take as long again.
  std::uint64_t check(std::uint64_t) override { return std::exchange(woken_, 0); }

 private:
  struct nap {
    std::int64_t deadline;
    std::coroutine_handle<> who;
    bool operator<(const nap& other) const noexcept { return deadline > other.deadline; }
  };

  struct sleeping {
    sleepers& here;
    unsigned ms;
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) const {
      std::int64_t deadline = now_ns() + std::int64_t{ms} * 1'000'000;
      deadline = (deadline + here.tick_ns_ - 1) / here.tick_ns_ * here.tick_ns_;
      here.naps_.push({deadline, self});
    }
    void await_resume() const noexcept {}
  };

  task<> sleep(unsigned ms) {
    co_await sleeping{*this, ms};
    ++woken_;
  }

  void all() {
    nap_lengths lengths(shape_.longest_ms);
    std::vector<task<>> tasks;
    tasks.reserve(shape_.fibers);
    for (std::size_t i = 0; i < shape_.fibers; ++i) tasks.push_back(sleep(lengths.next_ms()));
    for (auto& each : tasks) each.handle().resume();
    while (!naps_.empty()) {
      wait_until(naps_.top().deadline);
      for (const std::int64_t now = now_ns(); !naps_.empty() && naps_.top().deadline <= now;) {
        const std::coroutine_handle<> who = naps_.top().who;
        naps_.pop();
        who.resume();
      }
    }
  }

  static void wait_until(std::int64_t deadline) {
    if (now_ns() >= deadline) return;
    const timespec until{deadline / 1'000'000'000, deadline % 1'000'000'000};
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr);
  }

  sleepers_shape shape_;
  std::uint64_t woken_ = 0;
  std::int64_t tick_ns_;
  std::priority_queue<nap> naps_;
};

task<> hold() { co_await std::suspend_always{}; }

task<> hold_live_frame() {
  volatile char live[live_frame_bytes];
  for (std::size_t i = 0; i < sizeof live; ++i) live[i] = 1;
  co_await std::suspend_always{};
  live[0] = live[sizeof live - 1];
}

class parked final : public contender {
 public:
  explicit parked(const parked_shape& shape) {
    tasks_.reserve(shape.fibers);
    for (std::size_t i = 0; i < shape.fibers; ++i) {
      tasks_.push_back(shape.has_live_frame ? hold_live_frame() : hold());
      tasks_.back().handle().resume();
    }
  }
  std::uint64_t run(std::uint64_t) override { return 0; }

 private:
  std::vector<task<>> tasks_;
};

template <class Contender, class Shape>
std::unique_ptr<contender> make(const Shape& shape) {
  return std::make_unique<Contender>(shape);
}

template <std::int64_t TickNs>
std::unique_ptr<contender> make_sleepers(const sleepers_shape& shape) {
  return std::make_unique<sleepers>(shape, TickNs);
}

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  if (shape.flags == sticky_flags::differing || shape.is_mixed) return nullptr;
  return std::make_unique<hops>(shape.contexts);
}

}  // namespace

const side COST_SIDE = {COST_SIDE_NAME,
                        &make_switches,
                        &make<yields, yield_shape>,
                        &make<spawns, spawn_shape>,
                        &make<yields, chain_shape>,
                        &make_sleepers<1>,
                        &make<parked, parked_shape>,
                        0,
                        nullptr,
                        &make_coroutine_messages,
                        &make<coroutine_teams, team_shape>,
                        &make_interop};

#if COST_HAS_TICK
const side coroutine_tick_side = {"C++20, 1 ms tick",        nullptr, nullptr, nullptr, nullptr,
                                  &make_sleepers<1'000'000>, nullptr, 0};
#endif

}  // namespace cost
