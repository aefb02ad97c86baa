// SPDX-License-Identifier: BSL-1.0
// wait, as_completed, join_until, gather_settled, interval: waiting for some, taking nothing.
#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"
#include "weft/wait.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft::task;
using weft::until;
using weft_tests::on_every_seed;
using weft_tests::on_virtual_time;

namespace {

std::vector<task<int>> sleepers(std::initializer_list<int> milliseconds) {
  std::vector<task<int>> tasks;
  for (const int ms : milliseconds) {
    tasks.push_back(spawn([ms] {
      await_sleep(ms * 1ms);
      return ms;
    }));
  }
  return tasks;
}

}  // namespace

TEST_CASE_FIXTURE(on_every_seed, "wait: for all, for the first, and with a time limit") {
  run([] {
    auto tasks = sleepers({3, 1, 2});
    const auto first = weft::wait(tasks, until::first_completed);
    CHECK(first.done == std::vector<std::size_t>{1});
    CHECK(first.pending == std::vector<std::size_t>{0, 2});
    CHECK_FALSE(first.timed_out);
    const auto all = weft::wait(tasks);
    CHECK(all.done.size() == 3);
    CHECK(all.pending.empty());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 42: a timeout of wait is no error and cancels nothing") {
  run([] {
    auto tasks = sleepers({5, 7});
    const auto start = weft::now();
    const auto none = weft::wait(tasks, until::first_completed, 1ms);
    CHECK(none.timed_out);
    CHECK(none.done.empty());
    CHECK(none.pending.size() == 2);
    CHECK(weft::now() - start == 1ms);
    CHECK(tasks[0].get() == 5);
    CHECK(tasks[1].get() == 7);
    const auto at_once = weft::wait(tasks, until::all_completed, 0ms);
    CHECK_FALSE(at_once.timed_out);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 43: for first_exception a cancelled task is none") {
  run([] {
    std::vector<task<>> tasks;
    tasks.push_back(spawn([] { await_sleep(1h); }));
    tasks.push_back(spawn([] {
      await_sleep(2ms);
      throw std::runtime_error("x");
    }));
    tasks.push_back(spawn([] { await_sleep(5ms); }));
    weft::testing::wait_all_blocked();
    tasks[0].cancel();
    const auto start = weft::now();
    const auto result = weft::wait(tasks, until::first_exception);
    CHECK(weft::now() - start == 2ms);
    CHECK(result.done == std::vector<std::size_t>{0, 1});
    CHECK_THROWS_AS(tasks[1].get(), std::runtime_error);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "wait: without an exception first_exception waits for all") {
  run([] {
    auto tasks = sleepers({1, 2});
    CHECK(weft::wait(tasks, until::first_exception).done.size() == 2);
    std::vector<task<int>> nobody;
    CHECK(weft::wait(nobody).done.empty());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "wait: cancelled meanwhile it throws, and the tasks go on") {
  run([] {
    auto tasks = sleepers({5});
    CHECK_FALSE(weft::move_on_after(1ms, [&] { weft::wait(tasks); }));
    CHECK_FALSE(tasks[0].done());
    CHECK(tasks[0].get() == 5);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "as_completed: tasks in the order of their ends") {
  run([] {
    auto tasks = sleepers({3, 1, 2});
    std::vector<int> order;
    for (auto& ended : weft::as_completed(tasks)) order.push_back(ended.get());
    CHECK(order == std::vector<int>{1, 2, 3});
    int left_early = 0;
    auto more = sleepers({1, 2, 3});
    for (auto& ended : weft::as_completed(more)) {
      left_early = ended.get();
      break;
    }
    CHECK(left_early == 1);
    CHECK(more[2].get() == 3);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "join_until: false when the deadline came first; the task goes on") {
  run([] {
    auto t = spawn([] {
      await_sleep(5ms);
      return 1;
    });
    const auto start = weft::now();
    CHECK_FALSE(t.join_until(start + 1ms));
    CHECK(weft::now() == start + 1ms);
    CHECK_FALSE(t.join_until(start));  // in the past
    CHECK(t.join_until(start + 1h));
    CHECK(weft::now() == start + 5ms);
    CHECK(t.join_until(weft::time_point::min()));
    CHECK(t.get() == 1);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "join_until: several may wait for one task, each to its own deadline") {
  run([] {
    auto slow = spawn([] { await_sleep(10ms); });
    const auto start = weft::now();
    auto a = spawn([&] { return slow.join_until(start + 1ms); });
    auto b = spawn([&] { return slow.join_until(start + 2ms); });
    auto c = spawn([&] { return slow.join_until(start + 1h); });
    CHECK_FALSE(a.get());
    CHECK_FALSE(b.get());
    CHECK(c.get());
    CHECK(weft::now() - start == 10ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "gather_settled: waits for all and tells how each ended") {
  run([] {
    const auto [value, error, nothing] = weft::gather_settled(
        [] {
          await_sleep(2ms);
          return 3;
        },
        []() -> int { throw std::runtime_error("no"); }, [] {});
    CHECK(value.value() == 3);
    CHECK(value.error() == nullptr);
    CHECK_FALSE(error.has_value());
    CHECK_THROWS_WITH_AS(error.value(), "no", std::runtime_error);
    CHECK(nothing.has_value());
    auto tasks = sleepers({1, 1});
    tasks[0].cancel();
    const auto outcomes = weft::gather_settled(tasks);
    CHECK_THROWS_AS(outcomes[0].value(), weft::task_cancelled);
    CHECK(outcomes[1].value() == 1);
    CHECK(weft::gather_settled(std::vector<task<int>>()).empty());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 39: a cancelled gather_settled cancels all and throws cancelled") {
  run([] {
    int cancelled_children = 0;
    const auto child = [&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        ++cancelled_children;
        throw;
      }
    };
    auto t = spawn([&] { weft::gather_settled(child, child); });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(t.was_cancelled());
    CHECK(cancelled_children == 2);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "wait: misuse is told") {
  run([] {
    std::vector<task<>> tasks(1);
    CHECK_THROWS_WITH_AS(weft::wait(tasks), doctest::Contains("empty handle"), std::logic_error);
    CHECK_THROWS_WITH_AS(weft::as_completed(tasks), doctest::Contains("empty handle"),
                         std::logic_error);
    task<> self;
    self = spawn([&] {
      CHECK_THROWS_WITH_AS(self.join_until(weft::now() + 1s), doctest::Contains("join itself"),
                           std::logic_error);
      std::vector<task<>> own;
      own.push_back(std::move(self));
      CHECK_THROWS_WITH_AS(weft::wait(own), doctest::Contains("that task itself"),
                           std::logic_error);
      self = std::move(own[0]);
    });
    weft::testing::wait_all_blocked();
    CHECK(self.done());
  });
}
