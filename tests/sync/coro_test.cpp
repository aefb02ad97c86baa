// SPDX-License-Identifier: BSL-1.0
// await: a fiber waits for what a C++20 coroutine could co_await, in every form there is.
#include "support/skip.hpp"

#if WEFT_TESTS_HAVE_COROUTINES

#include <algorithm>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <future>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include <doctest/doctest.h>

#include "support/coroutines.hpp"
#include "sync/awaitables.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/coro.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await;
using weft::await_sleep;
using weft::spawn;
using weft_tests::adds;
using weft_tests::at_once;
using weft_tests::by_bool;
using weft_tests::gives;
using weft_tests::gives_unique;
using weft_tests::has_free_operator;
using weft_tests::has_member_operator;
using weft_tests::lazy_task;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::signal_once;
using weft_tests::sleeps_then;
using weft_tests::throws;
using weft_tests::waits_for;

TEST_CASE_FIXTURE(on_virtual_time, "coro: a fiber parks until the awaitable resumes it") {
  run([] {
    signal_once event;
    auto waiting = spawn([&] { return await(event); });
    weft::yield();
    CHECK_FALSE(waiting.done());
    await_sleep(1s);
    CHECK_FALSE(waiting.done());
    event.set();
    CHECK(waiting.get() == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: what is ready is no wait") {
  run([] {
    signal_once event;
    event.set();
    auto beside = spawn([] {});
    CHECK(await(event) == 5);
    CHECK_FALSE(beside.done());
    beside.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: operator co_await is found, as a member or beside") {
  run([] {
    signal_once event;
    auto member = spawn([&] { return await(has_member_operator{&event}); });
    weft::yield();
    event.set();
    CHECK(member.get() == 5);
    event.is_set = false;
    event.result = 6;
    auto beside = spawn([&] { return await(has_free_operator{&event}); });
    weft::yield();
    event.set();
    CHECK(beside.get() == 6);
  });
}

TEST_CASE_FIXTURE(no_leaks, "coro: await_suspend says by a bool whether it waits") {
  run([] {
    CHECK(await(by_bool{false}) == 2);
    CHECK(await(by_bool{true}) == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: await_suspend says by a handle who runs next") {
  run([] {
    CHECK(await(gives(7)) == 7);
    CHECK(await(adds(3, 4)) == 7);
    signal_once event;
    int seen = 0;
    auto waiting = spawn([&] { await(waits_for(event, seen)); });
    weft::yield();
    CHECK_FALSE(waiting.done());
    event.set();
    waiting.join();
    CHECK(seen == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: resumed inside await_suspend, the fiber does not park") {
  run([] {
    auto beside = spawn([] {});
    await(at_once{});
    CHECK_FALSE(beside.done());
    beside.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: results come by value, by reference, moved, or not") {
  run([] {
    static_assert(std::is_same_v<decltype(await(gives(7))), int>);
    static_assert(std::is_same_v<decltype(await(std::declval<lazy_task<int>&>())), int&>);
    static_assert(std::is_same_v<decltype(await(gives<int&>(std::declval<int&>()))), int&>);
    static_assert(std::is_void_v<decltype(await(at_once{}))>);
    int there = 0;
    CHECK(&await(gives<int&>(there)) == &there);
    CHECK(*await(gives_unique(8)) == 8);
    auto kept = gives(9);
    int& inside = await(kept);
    CHECK(&inside == &await(kept));
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: the awaitable's exception is thrown") {
  run([] { CHECK_THROWS_WITH_AS(await(throws("no luck")), "no luck", std::runtime_error); });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "coro: an exception of await_suspend is thrown, and all is over") {
  struct refuses {
    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<>) const { throw std::runtime_error("not today"); }
    void await_resume() const noexcept { FAIL("it was never suspended"); }
  };
  run([] { CHECK_THROWS_WITH_AS(await(refuses{}), "not today", std::runtime_error); });
}

TEST_CASE_FIXTURE(no_leaks, "coro: another thread may resume, and the fiber goes on on its own") {
  run([] {
    const auto own = std::this_thread::get_id();
    auto fibers = std::vector<weft::task<>>();
    for (int i = 0; i < 20; ++i) {
      fibers.push_back(spawn([own] {
        for (int k = 0; k < 20; ++k) {
          CHECK(await(by_bool{true}) == 1);
          CHECK(std::this_thread::get_id() == own);
        }
      }));
    }
    weft::gather(fibers);
  });
}

TEST_CASE("coro: a plain thread blocks until it is resumed") {
  CHECK_FALSE(weft::in_fiber());
  CHECK(await(by_bool{true}) == 1);
  CHECK(await(adds(3, 4)) == 7);
  await(at_once{});
  CHECK_THROWS_AS(await(throws("x")), std::runtime_error);
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: 100,000 awaits take no more stack than one") {
  run([] {
    await(adds(1, 2));
    std::size_t deepest = 0;
    const char* const here = static_cast<const char*>(__builtin_frame_address(0));
    long sum = 0;
    for (int i = 0; i < 100'000; ++i) {
      sum += await(adds(i, 1));
      const char* const now = static_cast<const char*>(__builtin_frame_address(0));
      deepest = std::max(deepest, static_cast<std::size_t>(here > now ? here - now : now - here));
    }
    CHECK(sum == 100'000L * 99'999L / 2 + 100'000L);
    CHECK(deepest == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: 10,000 ready awaits let others run meanwhile") {
  run([] {
    bool ran = false;
    auto beside = spawn([&] { ran = true; });
    for (int i = 0; i < 10'000; ++i) await(std::suspend_never{});
    CHECK(ran);
    beside.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: inside a coroutine's body a fiber may wait as ever") {
  run([] {
    const auto before = weft::now();
    weft::gather([] { CHECK(await(sleeps_then(1h, 1)) == 1); },
                 [] { CHECK(await(sleeps_then(1h, 2)) == 2); });
    CHECK(weft::now() - before == 1h);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: std::future keeps its own await") {
  run([] {
    std::promise<int> p;
    p.set_value(3);
    auto f = p.get_future();
    CHECK(await(f) == 3);
    std::promise<int> q;
    q.set_value(4);
    auto shared = q.get_future().share();
    CHECK(await(shared) == 4);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "coro: await of a weft task or future is its get()") {
  run([] {
    CHECK(await(spawn([] { return 3; })) == 3);
    weft::promise<int> p;
    auto f = p.get_future();
    p.set_value(4);
    CHECK(await(f) == 4);
  });
}

#else
TEST_CASE("coro: a fiber waits for what a coroutine could co_await") {
  WEFT_SKIP("this compiler has no C++20 coroutines");
}
#endif
