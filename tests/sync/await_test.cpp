// SPDX-License-Identifier: BSL-1.0
// await: a fiber waits for a std::future, and its loop runs on.
#include <chrono>
#include <future>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/await.hpp"
#include "weft/errors.hpp"
#include "weft/fork.hpp"
#include "weft/spawn.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"
#include "weft/to_thread.hpp"

using namespace std::chrono_literals;
using weft::await;
using weft::spawn;
using weft_tests::one_thread;
using weft_tests::pool_at_rest;
using weft_tests::scaled;

TEST_CASE_FIXTURE(pool_at_rest, "await: the fiber parks, its loop runs on") {
  run([] {
    std::promise<std::string> p;
    auto f = p.get_future();
    auto other = spawn([&] { p.set_value("from the same loop"); });
    CHECK(await(f) == "from the same loop");
    CHECK_FALSE(f.valid());
    other.join();
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: what std::async computes") {
  run([] {
    CHECK(*await(std::async(std::launch::async, [] { return std::make_unique<int>(5); })) == 5);
    await(std::async(std::launch::async, [] {}));
    int there = 0;
    int& same = await(std::async(std::launch::async, [&]() -> int& { return there; }));
    CHECK(&same == &there);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: the future's error is thrown") {
  run([] {
    std::promise<void> p;
    auto f = p.get_future();
    auto other =
        spawn([&] { p.set_exception(std::make_exception_ptr(std::runtime_error("no luck"))); });
    CHECK_THROWS_WITH_AS(await(f), "no luck", std::runtime_error);
    other.join();
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: a ready future is no wait, even for a cancelled fiber") {
  run([] {
    auto task = spawn([] {
      try {
        weft::await_sleep(weft::duration::max());
      } catch (const weft::cancelled&) {
      }
      std::promise<int> p;
      p.set_value(5);
      auto f = p.get_future();
      return await(f);
    });
    weft::yield();
    task.cancel();
    CHECK(task.get() == 5);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: a deferred function runs on a thread of the pool") {
  run([] {
    auto f = std::async(std::launch::deferred, [] { return std::this_thread::get_id(); });
    CHECK(await(f) != std::this_thread::get_id());
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: fibers may await one shared future together") {
  run([] {
    std::promise<std::string> p;
    const std::shared_future<std::string> f = p.get_future().share();
    std::vector<weft::task<const std::string*>> readers;
    for (int i = 0; i < 5; ++i) {
      readers.push_back(spawn([f] { return &await(f); }));
    }
    weft::yield();
    p.set_value("once");
    for (auto& one : readers) CHECK(*one.get() == "once");
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: a cancel comes back and leaves the future valid") {
  run([] {
    std::promise<int> p;
    auto f = p.get_future();
    auto waiting = spawn([&] { await(f); });
    weft::await_sleep(5ms);  // its thread looks at the future now, in slices of 2 ms
    const auto before = weft::now();
    waiting.cancel();
    waiting.join();
    CHECK(waiting.was_cancelled());
    CHECK(weft::now() - before < 1s);
    CHECK(f.valid());
    p.set_value(5);
    CHECK(await(f) == 5);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 3: a value that races with the cancel is returned or stays") {
  run([] {
    for (std::size_t round = 0; round < scaled(30, 10); ++round) {
      std::promise<int> p;
      auto f = p.get_future();
      int got = 0;
      auto waiting = spawn([&] { got = await(f); });
      weft::yield();
      std::thread setter([&p] { p.set_value(5); });
      waiting.cancel();
      waiting.join();
      setter.join();
      REQUIRE((got == 5) != f.valid());
      if (f.valid()) REQUIRE(f.get() == 5);
    }
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: it needs no thread of the pool's limit") {
  run([] {
    one_thread pool;
    pool.occupy();
    std::promise<int> p;
    auto f = p.get_future();
    auto setter = spawn([&p] {
      weft::await_sleep(5ms);
      p.set_value(5);
    });
    CHECK(await(f) == 5);  // while the only thread is busy
    pool.release();
    setter.join();
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: a hundred futures at once, ready in any order") {
  run([] {
    constexpr std::size_t many = 100;
    std::vector<std::promise<std::size_t>> promises(many);
    std::vector<weft::task<std::size_t>> waiting;
    for (auto& p : promises) {
      waiting.push_back(spawn([f = p.get_future()]() mutable { return await(f); }));
    }
    weft::yield();
    for (std::size_t i = many; i-- > 0;) {
      promises[i].set_value(i);
      if (i % 2 == 0) CHECK(waiting[i].get() == i);
    }
    for (std::size_t i = 1; i < many; i += 2) CHECK(waiting[i].get() == i);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "await: a future without a state is refused") {
  run([] {
    std::future<int> none;
    CHECK_THROWS_AS(await(none), std::future_error);
  });
  std::shared_future<int> none;
  CHECK_THROWS_AS(await(none), std::future_error);
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 80: on a plain thread await() is get()") {
  CHECK(await(std::async(std::launch::async, [] { return 5; })) == 5);
  CHECK(await(std::async(std::launch::deferred, [] { return 6; })) == 6);
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 98: a virtual clock waits for a future") {
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  run(how, [] {
    const auto begin = weft::now();
    auto sleeper = spawn([] { weft::await_sleep(1h); });
    weft::yield();
    await(std::async(std::launch::async, [] { std::this_thread::sleep_for(2ms); }));
    CHECK(weft::now() == begin);
    sleeper.cancel();
    sleeper.join();
  });
}

TEST_CASE("sem 90: what a fiber awaited at fork() can be cancelled in the child") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer allows no threads after such a fork");
  const auto child = weft_tests::run_child([] {
    return weft::run([] {
      std::promise<int> p;
      auto f = p.get_future();
      auto waiting = spawn([&f] { return await(f); });
      for (int i = 0; i < 10; ++i) weft::yield();
      const pid_t process = fork();
      if (process == 0) {
        alarm(weft_tests::child::patience);
        weft::after_fork_child();
        waiting.cancel();
        waiting.join();
        _exit(await(std::async(std::launch::deferred, [] { return 6; })));
      }
      int how = 0;
      waitpid(process, &how, 0);
      p.set_value(5);
      return waiting.get() == 5 && WIFEXITED(how) && WEXITSTATUS(how) == 6 ? 0 : 1;
    });
  });
  CHECK(child.status == 0);
}
