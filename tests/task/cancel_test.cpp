// SPDX-License-Identifier: BSL-1.0
// Cancellation of a task: when it arrives, and where it does not. What is left of the task:
// cancel_outcome_test.cpp.
#include <chrono>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "sem 1: cancel() only marks; the task is thrown at on its own") {
  run([] {
    bool was_thrown = false;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        was_thrown = true;
        throw;
      }
    });
    weft::yield();
    CHECK(t.cancel());
    CHECK_FALSE(was_thrown);
    CHECK_FALSE(t.done());
    CHECK_FALSE(t.was_cancelled());
    t.join();
    CHECK(was_thrown);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 1: a cancelled wait ends at once, not at its deadline") {
  run([] {
    const auto start = weft::now();
    auto t = spawn([] { await_sleep(1h); });
    weft::yield();
    t.cancel();
    t.join();
    CHECK(weft::now() == start);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 19: a join that was cancelled is woken by nobody's end") {
  run([] {
    struct sleeps_at_its_end {
      weft::time_point& woke;
      ~sleeps_at_its_end() {
        await_sleep(5h);
        woke = weft::now();
      }
    };
    for (const bool is_first : {true, false}) {  // the first to join has a place of its own
      const auto start = weft::now();
      weft::time_point woke;
      auto awaited = spawn([] { await_sleep(1h); });
      auto other = spawn([&] { awaited.join(); });
      if (!is_first) weft::yield();
      auto joins = spawn([&] {
        const sleeps_at_its_end late{woke};
        awaited.join();
      });
      if (is_first) other.cancel();
      weft::yield();
      joins.cancel();
      joins.join();
      CHECK(woke == start + 5h);
      CHECK(awaited.done());
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 1: a cancel that comes during a yield is thrown by that yield") {
  run([] {
    for (int i = 0; i < 10; ++i) {
      bool went_on = false;
      auto t = spawn([&] {
        weft::yield();
        went_on = true;
      });
      weft::yield();
      t.cancel();
      t.join();
      CHECK(t.was_cancelled());
      CHECK_FALSE(went_on);
    }
  });
}

TEST_CASE_FIXTURE(
    on_virtual_time,
    "sem 1: a cancel that comes during a yield is thrown by it on a watched loop, too") {
  run([] {
    bool has_begun = false;
    bool is_called = false;
    bool went_on = false;
    auto t = spawn([&] {
      while (!went_on) {
        has_begun = true;
        weft::yield();
        went_on = is_called;
      }
    });
    while (!has_begun) weft::yield();
    is_called = true;
    t.cancel();
    t.join();
    CHECK_FALSE(went_on);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 2: a task cancelled before its start never runs a statement") {
  run([] {
    bool has_run = false;
    auto t = spawn([&, witness = counted()] { has_run = true; });
    CHECK(t.cancel());
    CHECK_FALSE(t.done());
    t.join();
    CHECK_FALSE(has_run);
    CHECK(t.was_cancelled());
    CHECK_THROWS_AS(t.get(), weft::task_cancelled);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 3: a sleep that is over when cancel arrives returns") {
  run([] {
    bool has_returned = false;
    task<> sleeper;
    auto canceller = spawn([&] {
      await_sleep(1s);  // armed first, so it runs first of the two that are due
      CHECK(sleeper.cancel());
    });
    weft::yield();
    sleeper = spawn([&] {
      await_sleep(1s);
      has_returned = true;
      await_sleep(1h);
    });
    canceller.join();
    sleeper.join();
    CHECK(has_returned);
    CHECK(sleeper.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 3: a join that is over when cancel arrives returns the result") {
  run([] {
    int result = 0;
    auto awaited = spawn([] {
      weft::yield();
      return 5;
    });
    auto t = spawn([&] {
      result = awaited.get();
      weft::yield();
      result = 0;
    });
    auto canceller = spawn([&] {
      while (!awaited.done()) weft::yield();
      t.cancel();
    });
    canceller.join();
    t.join();
    CHECK(result == 5);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 3: a future set before the cancel gives its value") {
  run([] {
    weft::promise<int> p;
    int result = 0;
    auto t = spawn([&, f = p.get_future()]() mutable {
      result = f.get();
      weft::checkpoint();
      result = 0;
    });
    weft::yield();
    p.set_value(5);
    t.cancel();
    t.join();
    CHECK(result == 5);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 8: a task that cancels itself goes on to its next checkpoint") {
  run([] {
    std::vector<std::string> steps;
    task<> t;
    t = spawn([&] {
      CHECK(t.cancel("myself"));
      steps.push_back("after cancel");
      CHECK(weft::this_fiber::cancel_requested());
      try {
        weft::checkpoint();
        steps.push_back("not reached");
      } catch (const cancelled& c) {
        steps.push_back(std::string(c.reason()));
        throw;
      }
    });
    t.join();
    CHECK(steps == std::vector<std::string>{"after cancel", "myself"});
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 19: cancelling a task in join() or get() does not cancel the awaited one") {
  run([] {
    auto awaited = spawn([] {
      await_sleep(1s);
      return 5;
    });
    auto joins = spawn([&] { awaited.join(); });
    auto gets = spawn([&] { static_cast<void>(awaited.get()); });
    weft::yield();
    joins.cancel();
    gets.cancel();
    joins.join();
    gets.join();
    CHECK(joins.was_cancelled());
    CHECK(gets.was_cancelled());
    CHECK_FALSE(awaited.done());
    CHECK(awaited.get() == 5);
  });
}
