// SPDX-License-Identifier: BSL-1.0
// co_await: coroutines of other people wait for tasks, futures and whatever a fiber may wait for,
// and go on as fibers of their own.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_COROUTINES

#include <chrono>
#include <coroutine>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "support/coroutines.hpp"
#include "sync/watching.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/channel.hpp"
#include "weft/coro.hpp"
#include "weft/event.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::as_awaitable;
using weft::await_sleep;
using weft::spawn;
using weft_tests::capture_reports;
using weft_tests::doubles;
using weft_tests::on_virtual_time;
using weft_tests::started;
using weft_tests::view;
using weft_tests::watches;
using weft_tests::watches_result_of;

TEST_CASE_FIXTURE(on_virtual_time, "co_await: a task's result comes to a coroutine, and back") {
  run([] {
    auto t = spawn([] {
      await_sleep(1s);
      return 4;
    });
    CHECK(weft::await(doubles(t)) == 8);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "co_await: the coroutine goes on as a fiber of its own, and may wait") {
  run([] {
    view seen;
    auto t = spawn([] { return 4; });
    auto c = watches(t, seen);
    CHECK_FALSE(c.done());
    const auto own = weft::this_fiber::id();
    await_sleep(1s);
    REQUIRE(c.done());
    CHECK(seen.value == 4);
    CHECK(seen.was_in_fiber);
    CHECK(seen.where != own);
    CHECK(seen.where != t.id());
    auto slow = spawn([] {});
    auto body = [&]() -> started {
      co_await slow;
      await_sleep(1h);
    };
    auto waits = body();
    await_sleep(30min);
    CHECK_FALSE(waits.done());
    await_sleep(31min);
    CHECK(waits.done());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "co_await: a task that has ended is no wait") {
  run([] {
    view seen;
    auto t = spawn([] { return 4; });
    t.join();
    auto c = watches(t, seen);
    CHECK(c.done());
    CHECK(seen.where == weft::this_fiber::id());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "co_await: references, nothing and moved things come out") {
  run([] {
    int there = 0;
    bool is_over = false;
    auto body = [&]() -> started {
      int& same = co_await spawn([&]() -> int& { return there; });
      CHECK(&same == &there);
      co_await spawn([] { await_sleep(1s); });
      CHECK(*co_await spawn([] { return std::make_unique<int>(3); }) == 3);
      auto kept = spawn([] { return std::make_unique<int>(4); });
      CHECK(*co_await std::move(kept) == 4);
      CHECK(*co_await as_awaitable([] { return std::make_unique<int>(5); }) == 5);
      CHECK(&co_await as_awaitable([&]() -> int& { return there; }) == &there);
      co_await as_awaitable([] {});
      is_over = true;
    };
    auto c = body();
    await_sleep(2s);
    CHECK(is_over);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "co_await: the task's error is thrown in the coroutine") {
  run([] {
    view failed;
    view stopped;
    auto bad = spawn([]() -> int { throw std::runtime_error("no luck"); });
    auto slow = spawn([] {
      await_sleep(1h);
      return 1;
    });
    auto one = watches(bad, failed);
    auto two = watches(slow, stopped);
    weft::yield();
    slow.cancel("too slow");
    await_sleep(1s);
    CHECK(failed.error == "no luck");
    CHECK(stopped.error.find("too slow") != std::string::npos);
    CHECK(one.done());
    CHECK(two.done());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "co_await: a coroutine destroyed while it waits for a task is not resumed") {
  run([] {
    view seen;
    auto t = spawn([] {
      await_sleep(1s);
      return 4;
    });
    {
      auto c = watches(t, seen);
      weft::yield();
    }
    CHECK(t.get() == 4);  // it went on
    await_sleep(1s);
    auto late = spawn([] { return 5; });
    std::optional<started> c;
    late.on_done([&] { c->destroy(); });
    c.emplace(watches(late, seen));
    late.join();  // the coroutine's callback was ready when the first one ran
    weft::yield();
    CHECK_FALSE(seen.value.has_value());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "co_await: a coroutine destroyed with its task's handle takes the task along") {
  run([] {
    view seen;
    bool was_cancelled = false;
    auto c = watches_result_of(
        [&] {
          return spawn([&] {
            try {
              await_sleep(1h);
            } catch (const weft::cancelled&) {
              was_cancelled = true;
              throw;
            }
            return 1;
          });
        },
        seen);
    await_sleep(1s);
    c.destroy();
    CHECK(was_cancelled);
    CHECK_FALSE(seen.value.has_value());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "co_await: any wait, called in a fiber that becomes the coroutine") {
  run([] {
    weft::channel<int> ch;
    view seen;
    weft::fiber_id caller{};
    auto c = watches_result_of(
        [&] {
          return as_awaitable([&] {
            caller = weft::this_fiber::id();
            return ch.recv().value_or(0);
          });
        },
        seen);
    await_sleep(1s);
    CHECK_FALSE(c.done());
    ch.send(6);
    await_sleep(1s);
    CHECK(c.done());
    CHECK(seen.value == 6);
    CHECK(seen.where == caller);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "co_await: what a wait throws is thrown in the coroutine") {
  run([] {
    view seen;
    auto c = watches_result_of(
        [] {
          return as_awaitable([] {
            return weft::with_timeout(1s, [] {
              await_sleep(1h);
              return 1;
            });
          });
        },
        seen);
    await_sleep(2s);
    CHECK(c.done());
    CHECK_FALSE(seen.error.empty());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "co_await: destroying the coroutine cancels its wait and waits for it") {
  const capture_reports reports;
  run([] {
    view seen;
    weft::event never;
    bool was_cleaned = false;
    const auto waits = [&] {
      return as_awaitable([&] {
        try {
          never.wait();
        } catch (const weft::cancelled&) {
          weft::shielded([] { await_sleep(1s); });
          was_cleaned = true;
          throw;
        }
        return 1;
      });
    };
    auto c = watches_result_of(waits, seen);
    weft::yield();
    c.destroy();
    CHECK(was_cleaned);
    was_cleaned = false;
    { auto unbegun = watches_result_of(waits, seen); }
    CHECK_FALSE(was_cleaned);
    CHECK_FALSE(seen.value.has_value());
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "co_await: a future's value and its error, and one that is ready") {
  run([] {
    view first;
    view second;
    view third;
    weft::promise<int> p;
    weft::promise<int> q;
    weft::promise<int> r;
    auto f = p.get_future();
    auto g = q.get_future();
    auto h = r.get_future();
    r.set_value(3);
    auto one = watches(f, first);
    auto two = watches(g, second);
    auto three = watches(h, third);
    CHECK(three.done());
    CHECK(third.value == 3);
    await_sleep(1s);
    CHECK_FALSE(one.done());
    p.set_value(1);
    q.set_exception(std::make_exception_ptr(std::runtime_error("no luck")));
    await_sleep(1s);
    CHECK(first.value == 1);
    CHECK(second.error == "no luck");
  });
}

#else
TEST_CASE("co_await: coroutines wait for tasks, futures and whatever a fiber may wait for") {
  WEFT_SKIP("this compiler has no C++20 coroutines");
}
#endif
