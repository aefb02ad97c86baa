// SPDX-License-Identifier: BSL-1.0
// How an await ends that does not go as it should: a broken handle, a cancel, a stop hook, a
// deadlock.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_COROUTINES

#include <chrono>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/coroutines.hpp"
#include "sync/awaitables.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/coro.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await;
using weft::await_sleep;
using weft::spawn;
using weft_tests::counted;
using weft_tests::lazy_task;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::signal_once;
using weft_tests::throws;

TEST_CASE_FIXTURE(on_virtual_time, "coro: a handle that is destroyed breaks the wait") {
  run([] {
    signal_once event;
    auto waiting = spawn([&] { await(event); });
    weft::yield();
    std::exchange(event.waiting, nullptr).destroy();
    CHECK_THROWS_AS(waiting.get(), std::future_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "coro: a cancel does not take a wait away, the next one throws") {
  run([] {
    signal_once event;
    int seen = 0;
    bool slept = false;
    auto waiting = spawn([&, witness = counted()] {
      seen = await(event);
      await_sleep(1s);
      slept = true;
    });
    weft::yield();
    waiting.cancel();
    weft::yield();
    CHECK_FALSE(waiting.done());  // the event still has the fiber's handle
    event.set();
    waiting.join();
    CHECK(seen == 5);
    CHECK_FALSE(slept);
    CHECK(waiting.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: who is cancelled already begins no wait") {
  run([] {
    bool has_begun = false;
    const auto begins = [&]() -> lazy_task<> {
      has_begun = true;
      co_return;
    };
    auto late = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const weft::cancelled&) {
      }
      await(begins());
    });
    weft::yield();
    late.cancel();
    late.join();
    CHECK(late.was_cancelled());
    CHECK_FALSE(has_begun);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "coro: a stop hook is called once, and the wait ends when the awaitable does") {
  run([] {
    signal_once event;
    int stops = 0;
    auto waiting = spawn([&] { return await(event, [&] { ++stops; }); });
    weft::yield();
    waiting.cancel();
    weft::yield();
    waiting.cancel();
    weft::yield();
    CHECK(stops == 1);
    CHECK_FALSE(waiting.done());
    event.set();
    CHECK(waiting.get() == 5);  // it had a value in spite of the stop
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "coro: an awaitable that fails when it was stopped is cancelled") {
  struct stoppable : signal_once {
    bool was_stopped = false;
    int await_resume() const {
      if (was_stopped) throw std::runtime_error("aborted");
      return 5;
    }
  };
  run([] {
    bool was_timely = weft::move_on_after(1s, [] {
      stoppable event;
      await(event, [&] {
        event.was_stopped = true;
        event.set();
      });
    });
    CHECK_FALSE(was_timely);
    CHECK(weft::move_on_after(1s, [] {
      stoppable event;
      auto setter = spawn([&] { event.set(); });
      CHECK(await(event, [] { FAIL("nobody cancelled"); }) == 5);
    }));
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: an error of the stop hook is thrown after the wait") {
  run([] {
    signal_once event;
    auto waiting = spawn([&] { await(event, [] { throw std::runtime_error("cannot stop"); }); });
    weft::yield();
    waiting.cancel();
    weft::yield();
    CHECK_FALSE(waiting.done());
    event.set();
    CHECK_THROWS_WITH_AS(waiting.get(), "cannot stop", std::runtime_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "coro: a generator is iterated in a fiber, and may wait in there") {
  const auto ticks = [](int count) -> weft_tests::sequence<int> {
    for (int i = 0; i < count; ++i) {
      await_sleep(1s);
      co_yield i;
    }
    throw std::runtime_error("no more");
  };
  run([&] {
    const auto before = weft::now();
    std::vector<int> seen;
    auto one = ticks(3);
    auto iterate = [&] {
      for (int i : one) seen.push_back(i);
    };
    CHECK_THROWS_WITH_AS(iterate(), "no more", std::runtime_error);
    CHECK(seen == std::vector<int>{0, 1, 2});
    CHECK(weft::now() - before == 3s);
  });
}

TEST_CASE_FIXTURE(no_leaks, "coro: an await that nobody can end is told as a deadlock") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer has a thread of its own");
  run([] {
    signal_once event;
    auto waiting = spawn([&] { await(event); });
    std::string text;
    try {
      waiting.join();
    } catch (const weft::would_deadlock& e) {
      text = e.what();
    }
    CHECK(text.find("await") != std::string::npos);
    event.set();
    waiting.join();
  });
}

#else
TEST_CASE("coro: an await may be cancelled, stopped or broken") {
  WEFT_SKIP("this compiler has no C++20 coroutines");
}
#endif
