// SPDX-License-Identifier: BSL-1.0
// How a pool of loops ends, and what it refuses.
#include <atomic>
#include <cstdint>
#include <exception>
#include <functional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "sync/stuck_loops.hpp"
#include "weft/future.hpp"
#include "weft/loop_pool.hpp"
#include "weft/testing.hpp"
#include "weft/time.hpp"

using namespace std::chrono_literals;
using weft::loop_pool;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::stuck_loops;

namespace {

std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return {};
}

}  // namespace

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
