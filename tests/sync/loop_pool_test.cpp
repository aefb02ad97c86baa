// SPDX-License-Identifier: BSL-1.0
// Several loops that share what was spawned: where tasks begin, their handles before and after
// that, and the pool's end.
#include "weft/loop_pool.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/future.hpp"
#include "weft/loop_ref.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

using namespace std::chrono_literals;
using weft::loop_pool;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

// Holds the thread of every loop but `free` of them, as a long step would, until let go.
class stuck_loops {
 public:
  explicit stuck_loops(loop_pool& pool, unsigned free = 0) {
    for (unsigned i = free; i < pool.size(); ++i) {
      tasks_.push_back(pool.spawn_on(i, [this] {
        ++stuck_;
        while (!is_over_) std::this_thread::yield();
      }));
    }
    while (stuck_ != tasks_.size()) std::this_thread::yield();
  }
  ~stuck_loops() { let_go(); }
  void let_go() {
    is_over_ = true;
    for (auto& one : tasks_) one.join();
  }

 private:
  std::atomic<unsigned> stuck_{0};
  std::atomic<bool> is_over_{false};
  std::vector<task<>> tasks_;
};

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return {};
}

}  // namespace

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

TEST_CASE_FIXTURE(no_leaks, "loop_pool: tasks that stay are spread over the loops") {
  loop_pool pool(4);
  constexpr int count = 400;
  std::vector<task<std::thread::id>> tasks;
  std::atomic<int> parked{0};
  for (int i = 0; i < count; ++i) {
    tasks.push_back(pool.spawn([&] {
      if (++parked == count) weft::yield();
      while (parked != count) weft::await_sleep(1ms);
      return std::this_thread::get_id();
    }));
  }
  std::multiset<std::thread::id> threads;
  for (auto& one : tasks) threads.insert(one.get());
  // Each has its quarter, give or take what one wake-up is worth.
  for (auto at = threads.begin(); at != threads.end(); at = threads.upper_bound(*at)) {
    CHECK(threads.count(*at) >= 50);
  }
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

TEST_CASE_FIXTURE(no_leaks, "loop_pool: close() cancels what runs and what has not begun") {
  loop_pool pool(2);
  std::atomic<int> begun{0};
  std::vector<task<>> tasks;
  for (unsigned i = 0; i < 2; ++i) {
    tasks.push_back(pool.spawn_on(i, [&] {
      ++begun;
      weft::await_sleep(1h);
    }));
  }
  while (begun != 2) std::this_thread::yield();
  stuck_loops stuck(pool);
  bool has_run = false;
  auto fresh = pool.spawn([&, witness = counted()] { has_run = true; });
  std::thread closer([&] { pool.close(); });
  // Refused as soon as close() has begun, though it cannot end yet.
  while (message_of([&] { pool.spawn([] {}).detach(); }).empty()) {
    std::this_thread::yield();
  }
  CHECK_FALSE(fresh.done());
  stuck.let_go();
  closer.join();
  CHECK(fresh.was_cancelled());
  CHECK_FALSE(has_run);
  for (auto& one : tasks) CHECK(one.was_cancelled());
  CHECK(counted::alive() == 0);
  pool.close();
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: after close() a spawn throws, and its callable is gone") {
  loop_pool pool(2);
  pool.close();
  CHECK_THROWS_AS(static_cast<void>(pool.spawn([witness = counted()] {})), weft::closed_error);
  CHECK_THROWS_AS(static_cast<void>(pool.spawn_on(1, [witness = counted()] {})),
                  weft::closed_error);
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: handles may outlive it") {
  task<int> ended;
  task<> cut_off;
  {
    loop_pool pool(2);
    ended = pool.spawn([] { return 5; });
    ended.join();
    cut_off = pool.spawn([witness = counted()] { weft::await_sleep(1h); });
  }
  CHECK(ended.get() == 5);
  CHECK(cut_off.was_cancelled());
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: a fiber of a loop closes a pool whose tasks wait for it") {
  run([] {
    loop_pool pool(2);
    weft::promise<void> begun;
    auto f = begun.get_future();
    auto here = weft::spawn([] { weft::await_sleep(1h); });
    // To give up its wait for `here`, the pool's task needs an answer from this loop.
    auto there = pool.spawn([&] {
      begun.set_value();
      here.join();
    });
    f.get();
    pool.close();
    CHECK(there.was_cancelled());
    CHECK_FALSE(here.done());
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_pool: a pool inside a task of another one works; run() does not") {
  loop_pool outer(2);
  CHECK(outer
            .spawn([] {
              loop_pool inner(2);
              return inner.spawn([] { return 5; }).get();
            })
            .get() == 5);
  const std::string text = message_of([&] { outer.spawn([&] { outer.run([] {}); }).get(); });
  CHECK(text.find("started inside a running loop") != std::string::npos);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: close() from inside it is a misuse that says so") {
  loop_pool pool(2);
  const std::string text =
      message_of([&] { pool.spawn({"suicidal"}, [&] { pool.close(); }).get(); });
  CHECK(text.find("loop_pool::close() was called inside the pool, by fiber") != std::string::npos);
  CHECK(text.find("'suicidal'") != std::string::npos);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: no loops, too many, or a clock that jumps are misuses") {
  CHECK(message_of([] { loop_pool none(0); }).find("a loop_pool of 0 loops") != std::string::npos);
  CHECK(message_of([] { loop_pool many(static_cast<unsigned>(-1)); }).find("4294967295") !=
        std::string::npos);
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  CHECK(message_of([&] { loop_pool pool(2, how); }).find("a clock that jumps") !=
        std::string::npos);
  how = {};
  how.stack_bytes = SIZE_MAX;
  CHECK_THROWS_AS(loop_pool(3, how), std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: spawn_on() a loop that is not there names it") {
  loop_pool pool(2);
  const std::string text = message_of([&] { static_cast<void>(pool.spawn_on(2, [] {})); });
  CHECK(text.find("spawn_on(2, ...) was called on a pool of 2 loops") != std::string::npos);
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_pool: what the unknown loop would have to do at once is refused") {
  loop_pool pool(1);
  const auto refusal = [&](weft::spawn_options how) {
    return message_of([&] { static_cast<void>(pool.spawn(how, [witness = counted()] {})); });
  };
  CHECK(refusal({"", 1 << 20}).find("a stack of 1048576 bytes") != std::string::npos);
  CHECK(refusal({"", 0, true}).find("a daemon") != std::string::npos);
  CHECK(refusal({"", 0, false, true}).find("an eager task") != std::string::npos);
  CHECK(counted::alive() == 0);
}
