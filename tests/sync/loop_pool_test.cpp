// SPDX-License-Identifier: BSL-1.0
// Several loops that share what was spawned: where tasks begin, and their handles before and after
// that. Ends and refusals: loop_pool_end_test.cpp.
#include "weft/loop_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "sync/stuck_loops.hpp"
#include "weft/future.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

using namespace std::chrono_literals;
using weft::loop_pool;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::stuck_loops;

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a thread takes the results of its tasks") {
  loop_pool pool(2);
  CHECK(pool.size() == 2);
  CHECK(pool.spawn([] { return 5; }).get() == 5);
  CHECK(*pool.spawn([] { return std::make_unique<int>(6); }).get() == 6);
  CHECK(pool.spawn([](int a, int b) { return a + b; }, 3, 4).get() == 7);
  CHECK(pool.spawn({"named"}, [] { return std::string(weft::this_fiber::name()); }).get() ==
        "named");
  int target = 0;
  CHECK(&pool.spawn([&]() -> int& { return target; }).get() == &target);
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_pool: run() calls main on the caller's thread, outside the pool") {
  loop_pool pool(2);
  const auto here = std::this_thread::get_id();
  const int result = pool.run([&] {
    const auto is_here = [here] { return std::this_thread::get_id() == here; };
    CHECK(is_here());
    CHECK_FALSE(pool.spawn(is_here).get());
    CHECK(weft::spawn(is_here).get());
    return 5;
  });
  CHECK(result == 5);
  CHECK_THROWS_WITH_AS(pool.run([] { throw std::runtime_error("of main"); }), "of main",
                       std::runtime_error);
  CHECK(pool.spawn([] { return 6; }).get() == 6);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: without a number there is one loop for each core") {
  const loop_pool pool;
  CHECK(pool.size() == std::max(std::thread::hardware_concurrency(), 1U));
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a task's error comes out of get(), and is not reported") {
  const weft_tests::capture_reports reports;
  loop_pool pool(2);
  CHECK_THROWS_WITH_AS(pool.spawn([] { throw std::runtime_error("there"); }).get(), "there",
                       std::runtime_error);
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a detached task that fails is reported once") {
  const weft_tests::capture_reports reports;
  {
    loop_pool pool(2);
    pool.spawn([] { throw std::runtime_error("nobody's"); }).detach();
    while (reports.texts().empty()) std::this_thread::yield();
  }
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("nobody's") != std::string::npos);
  CHECK(reports.texts()[0].find("loop_pool_test.cpp") != std::string::npos);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: spawn_on() chooses the loop, in order of the calls") {
  loop_pool pool(3);
  std::set<std::thread::id> threads;
  for (unsigned i = 0; i < 3; ++i) {
    const auto thread = pool.spawn_on(i, [] { return std::this_thread::get_id(); }).get();
    threads.insert(thread);
    std::vector<int> order;
    std::vector<task<>> tasks;
    for (int k = 0; k < 50; ++k) {
      tasks.push_back(pool.spawn_on(i, [&order, k, thread] {
        if (std::this_thread::get_id() == thread) order.push_back(k);
      }));
    }
    for (auto& one : tasks) one.join();
    CHECK(order.size() == 50);
    CHECK(std::is_sorted(order.begin(), order.end()));
  }
  CHECK(threads.size() == 3);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a loop stuck in a long step holds no fresh task") {
  loop_pool pool(3);
  stuck_loops stuck(pool, 1);
  std::vector<task<int>> tasks;
  for (int i = 0; i < 300; ++i) {
    tasks.push_back(pool.spawn([i] {
      weft::yield();
      return i;
    }));
  }
  int sum = 0;
  for (auto& one : tasks) sum += one.get();
  CHECK(sum == 300 * 299 / 2);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a task that gets stuck does not hold those behind it") {
  loop_pool pool(2);
  std::atomic<bool> is_over{false};
  std::atomic<int> ended{0};
  std::vector<task<>> tasks;
  // The first waits for the last: it could not end if one loop took both.
  tasks.push_back(pool.spawn([&] {
    while (!is_over) std::this_thread::yield();
  }));
  for (int i = 0; i < 100; ++i) tasks.push_back(pool.spawn([&] { ++ended; }));
  tasks.push_back(pool.spawn([&] { is_over = true; }));
  for (auto& one : tasks) one.join();
  CHECK(ended == 100);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: of two idle loops, the less loaded one gets a task") {
  loop_pool pool(2);
  const auto lighter = pool.spawn_on(0, [] { return std::this_thread::get_id(); }).get();
  std::vector<task<>> load;
  for (int i = 0; i < 100; ++i) load.push_back(pool.spawn_on(1, [] { weft::await_sleep(1h); }));
  pool.spawn_on(1, [] {}).join();
  std::size_t rightly = 0;
  for (int i = 0; i < 200; ++i) {
    if (pool.spawn([] { return std::this_thread::get_id(); }).get() == lighter) ++rightly;
  }
  // A loop whose thread the system stops before it is idle again is passed over.
  CHECK(rightly > 100);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a task may be cancelled before a loop has it") {
  loop_pool pool(2);
  stuck_loops stuck(pool);
  bool has_run = false;
  auto fresh = pool.spawn([&, witness = counted()] { has_run = true; });
  CHECK(fresh.id() == weft::fiber_id{0});
  CHECK_FALSE(fresh.done());
  CHECK(fresh.cancel("too late"));
  CHECK(fresh.cancel("the second reason"));
  CHECK(counted::alive() == 1);
  stuck.let_go();
  CHECK_THROWS_WITH_AS(fresh.get(), doctest::Contains("was cancelled: too late"),
                       weft::task_cancelled);
  CHECK_FALSE(has_run);
  CHECK(fresh.was_cancelled());
  CHECK(fresh.id() != weft::fiber_id{0});
}

// For ThreadSanitizer: the handle acts on the record itself until the loop has taken it in.
TEST_CASE_FIXTURE(no_leaks, "loop_pool: a handle may go while the loop takes its task in") {
  loop_pool pool(2);
  std::atomic<int> ended{0};
  constexpr int rounds = weft_tests::scaled(20'000, 2'000);
  for (int i = 0; i < rounds; ++i) {
    auto task = pool.spawn_on(static_cast<unsigned>(i % 2), [&] { ++ended; });
    if (i % 3 == 0) task.cancel();
  }
  CHECK(ended <= rounds);
  CHECK(pool.spawn([] { return 7; }).get() == 7);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: join_until() and on_done() work before a loop has it") {
  loop_pool pool(2);
  stuck_loops stuck(pool);
  weft::promise<int> answer;
  auto f = answer.get_future();
  auto fresh = pool.spawn([] { return 5; });
  CHECK_FALSE(fresh.join_until(weft::now()));
  fresh.on_done([&] { answer.set_value(6); });
  CHECK_FALSE(f.is_ready());
  stuck.let_go();
  CHECK(fresh.get() == 5);
  CHECK(f.get() == 6);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: detach() before a loop has it lets the task run") {
  loop_pool pool(2);
  stuck_loops stuck(pool);
  weft::promise<int> answer;
  auto f = answer.get_future();
  pool.spawn([&] { answer.set_value(5); }).detach();
  stuck.let_go();
  CHECK(f.get() == 5);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a waiter that is cancelled leaves a task no loop has yet") {
  loop_pool pool(2);
  stuck_loops stuck(pool);
  auto fresh = pool.spawn([] { return 5; });
  run([&] {
    auto waiter = weft::spawn([&] { fresh.join(); });
    weft::yield();
    waiter.cancel();
    waiter.join();
    CHECK(waiter.was_cancelled());
  });
  stuck.let_go();
  CHECK(fresh.get() == 5);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a running task is cancelled from another thread") {
  loop_pool pool(2);
  std::atomic<bool> has_begun{false};
  auto sleeper = pool.spawn([&] {
    has_begun = true;
    weft::await_sleep(1h);
  });
  while (!has_begun) std::this_thread::yield();
  CHECK(sleeper.cancel("enough"));
  CHECK_THROWS_AS(sleeper.get(), weft::task_cancelled);
  {
    const auto dropped = pool.spawn([witness = counted()] { weft::await_sleep(1h); });
  }
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: fibers of its loops spawn into it, and wait there") {
  loop_pool pool(2);
  auto outer = pool.spawn([&pool] {
    int sum = 0;
    for (int i = 0; i < 50; ++i) {
      sum += pool.spawn([i] {
                   weft::yield();
                   return i;
                 })
                 .get();
    }
    return sum;
  });
  CHECK(outer.get() == 1225);
}
