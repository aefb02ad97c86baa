// SPDX-License-Identifier: BSL-1.0
// co_await over threads and loops: where the coroutine goes on, and what it gets when a loop ends.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_COROUTINES

#include <chrono>
#include <coroutine>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/coroutines.hpp"
#include "sync/watching.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/background_loop.hpp"
#include "weft/coro.hpp"
#include "weft/loop_ref.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::as_awaitable;
using weft::await_sleep;
using weft::spawn;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::started;
using weft_tests::view;
using weft_tests::watches;
using weft_tests::watches_result_of;

TEST_CASE_FIXTURE(no_leaks,
                  "co_await: a future set by a thread, and a task of another loop, come home") {
  weft::background_loop other;
  run([&] {
    view by_call;
    view by_task;
    const auto own = std::this_thread::get_id();
    auto call = other.ref().call([] {
      await_sleep(1ms);
      return 1;
    });
    auto there = other.ref()
                     .call([] {
                       return spawn([] {
                         await_sleep(1ms);
                         return 2;
                       });
                     })
                     .get();
    auto one = watches(call, by_call);
    auto two = watches(there, by_task);
    while (!one.done() || !two.done()) await_sleep(100us);
    CHECK(by_call.value == 1);
    CHECK(by_call.thread == own);
    CHECK(by_task.value == 2);
    CHECK(by_task.thread == own);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "co_await: a coroutine of a plain thread goes on on the loop of its task") {
  weft::background_loop other;
  const auto its_thread = other.ref().call([] { return std::this_thread::get_id(); }).get();
  weft::promise<void> gate;
  auto entry = gate.get_future();
  auto t = other.ref()
               .call([&] {
                 return spawn([&] {
                   entry.get();
                   return 3;
                 });
               })
               .get();
  view seen;
  weft::promise<void> over;
  auto is_over = over.get_future();
  auto body = [&]() -> started {
    seen.value = co_await t;
    seen.look();
    over.set_value();
  };
  auto c = body();
  gate.set_value();
  is_over.get();
  CHECK(seen.value == 3);
  CHECK(seen.thread == its_thread);
  other.ref().call([] {}).get();  // the callback has left the coroutine
}

TEST_CASE_FIXTURE(no_leaks,
                  "co_await: on a plain thread there is no fiber for a future or a wait") {
  view of_future;
  view of_wait;
  weft::promise<int> p;
  auto f = p.get_future();
  auto one = watches(f, of_future);
  auto two = watches_result_of([] { return as_awaitable([] { return 1; }); }, of_wait);
  CHECK(of_future.error.find("needs a running loop") != std::string::npos);
  CHECK(of_wait.error.find("needs a running loop") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time, "co_await: a loop that ends resumes what waits on it") {
  view of_task;
  view of_future;
  view of_wait;
  weft::promise<int> p;
  auto f = p.get_future();
  std::vector<started> all;
  weft::task<int> t;
  run([&] {
    t = spawn([] {
      await_sleep(1h);
      return 1;
    });
    all.push_back(watches(t, of_task));
    all.push_back(watches(f, of_future));
    all.push_back(watches_result_of(
        [] {
          return as_awaitable([] {
            await_sleep(1h);
            return 1;
          });
        },
        of_wait));
    weft::yield();
  });
  CHECK(of_task.error.find("was cancelled") != std::string::npos);
  CHECK(of_future.error.find("the loop ended") != std::string::npos);
  CHECK(of_wait.error.find("the loop ended") != std::string::npos);
  for (const auto& one : all) CHECK(one.done());
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "co_await: a coroutine that begins a wait as its loop ends gets an end") {
  view seen;
  std::vector<started> all;
  run([&] {
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const weft::cancelled&) {
        all.push_back(watches_result_of(
            [] {
              return as_awaitable([] {
                await_sleep(1h);
                return 1;
              });
            },
            seen));
        throw;
      }
    });
    t.detach();
    weft::yield();
  });
  CHECK(seen.error.find("the loop ended") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time, "co_await: 100,000 waits of one coroutine take no stack") {
  run([] {
    std::size_t sum = 0;
    // ThreadSanitizer takes its time for each fiber that begins.
    const std::size_t rounds = weft_tests::scaled(50'000, 500);
    auto body = [&]() -> started {
      for (std::size_t i = 0; i < rounds; ++i) {
        sum += co_await spawn([] { return std::size_t{1}; });
        sum += co_await as_awaitable([] { return std::size_t{1}; });
      }
    };
    auto c = body();
    while (!c.done()) weft::yield();
    CHECK(sum == 2 * rounds);
    CHECK(weft_tests::live_fibers() <= 1);
  });
}

#else
TEST_CASE("co_await: a coroutine goes on on the loop of what it waited for") {
  WEFT_SKIP("this compiler has no C++20 coroutines");
}
#endif
