// SPDX-License-Identifier: BSL-1.0
// Cancellation and destructors: what still runs in a cancelled task may wait, and runs once.
// When a cancel arrives and what the waiters see: cancel_test.cpp.
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft::task;
using weft_tests::counted;
using weft_tests::on_virtual_time;

namespace {

// Runs a function when it is destroyed.
template <class F>
struct at_exit {
  F run;
  explicit at_exit(F f) : run(std::move(f)) {}
  at_exit(at_exit&& other) noexcept : run(std::move(other.run)), is_armed(other.is_armed) {
    other.is_armed = false;
  }
  ~at_exit() {
    if (is_armed) run();
  }
  bool is_armed = true;
};

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 2: what a never-run task captured is destroyed on a stack of its own") {
  run([] {
    bool was_in_fiber = false;
    weft::fiber_id where{};
    auto witness = at_exit([&] {
      was_in_fiber = weft::in_fiber();
      where = weft::this_fiber::id();
    });
    auto t = spawn([w = std::move(witness)] {});
    t.cancel();
    t.join();
    CHECK(was_in_fiber);
    CHECK(where == t.id());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 2: the destructor of a never-run task's capture may park") {
  run([] {
    const auto start = weft::now();
    auto witness = at_exit([] {
      await_sleep(1s);
      weft::yield();
    });
    auto t = spawn([w = std::move(witness)] {});
    t.cancel();
    t.join();
    CHECK(weft::now() == start + 1s);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 2: the capture of a never-run task may own a task and join it") {
  run([] {
    bool was_cancelled = false;
    auto inner = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        was_cancelled = true;
        throw;
      }
    });
    weft::yield();
    auto outer = spawn([owned = std::move(inner)] {});
    outer.cancel();
    outer.join();
    CHECK(was_cancelled);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 9: the destructor of a cancelled task's capture waits without throwing") {
  run([] {
    const auto start = weft::now();
    auto witness = at_exit([] { await_sleep(1s); });
    auto t = spawn([w = std::move(witness)] { await_sleep(1h); });
    weft::yield();
    t.cancel();
    t.join();
    CHECK(weft::now() == start + 1s);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 9: a wait while the stack unwinds completes without throwing") {
  run([] {
    const auto start = weft::now();
    bool was_requested = false;
    auto t = spawn([&] {
      const auto last_will = at_exit([&] {
        await_sleep(1s);
        weft::yield();
        weft::checkpoint();
        was_requested = weft::this_fiber::cancel_requested();
      });
      await_sleep(1h);
    });
    weft::yield();
    t.cancel();
    t.join();
    CHECK(t.was_cancelled());
    CHECK(was_requested);
    CHECK(weft::now() == start + 1s);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 9: a cancel that arrives during a wait while unwinding is deferred") {
  run([] {
    const auto start = weft::now();
    bool came_through = false;
    auto t = spawn([&] {
      try {
        const auto last_will = at_exit([&] { await_sleep(1s); });
        throw 5;
      } catch (int) {
      }
      came_through = true;
      weft::checkpoint();
    });
    weft::yield();
    t.cancel();
    t.join();
    CHECK(came_through);
    CHECK(weft::now() == start + 1s);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 9: destroying a handle in a cancelled task waits without throwing") {
  run([] {
    std::vector<std::string> steps;
    auto t = spawn([&] {
      auto child = spawn([&] {
        const auto last_will = at_exit([&] {
          await_sleep(1s);
          steps.push_back("child ended");
        });
        await_sleep(1h);
      });
      weft::yield();
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        child = {};  // an ordinary way, nothing unwinds here
        steps.push_back("handle destroyed");
        throw;
      }
    });
    weft::yield();
    weft::yield();
    t.cancel();
    t.join();
    CHECK(steps == std::vector<std::string>{"child ended", "handle destroyed"});
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 88: a cancelled fiber runs each destructor on its stack once") {
  run([] {
    auto recurse = [](auto& self, int depth) -> void {
      const counted on_the_stack;
      if (depth == 0) return await_sleep(1h);
      self(self, depth - 1);
    };
    auto t = spawn([&] { recurse(recurse, 20); });
    weft::yield();
    CHECK(counted::alive() == 21);
    t.cancel();
    t.join();
    CHECK(counted::alive() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 88: a body that swallows and waits again is thrown at until it ends") {
  run([] {
    int stubborn = 100;
    {
      auto t = spawn([&] {
        while (stubborn > 0) {
          try {
            await_sleep(1h);
          } catch (...) {
            --stubborn;
          }
        }
      });
      weft::yield();
    }
    CHECK(stubborn == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 9: the destructor of a result that nobody takes may wait") {
  struct parks_at_last {
    std::unique_ptr<int> is_armed = std::make_unique<int>();
    parks_at_last() = default;
    parks_at_last(parks_at_last&&) = default;
    ~parks_at_last() {
      if (is_armed) await_sleep(1s);
    }
  };
  run([] {
    const auto start = weft::now();
    spawn([] { return parks_at_last(); }).detach();
    { auto t = spawn([] { return parks_at_last(); }); t.join(); }
    CHECK(weft::now() == start + 1s);
    auto stubborn = spawn([] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
      }
      return parks_at_last();
    });
    weft::yield();
    stubborn.cancel();
    stubborn.detach();  // its result dies in the cancelled task itself
    await_sleep(2s);
    CHECK(weft_tests::live_fibers() == 0);
  });
}
