// SPDX-License-Identifier: BSL-1.0
// packaged_task: what its future gets, and what is refused.
#include "weft/packaged_task.hpp"

#include <chrono>
#include <future>
#include <memory>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::packaged_task;
using weft::spawn;
using weft_tests::counted;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "packaged_task: the result goes to who has the future") {
  run([] {
    packaged_task<int(int, int)> add([](int a, int b) {
      await_sleep(1s);
      return a + b;
    });
    auto sum = add.get_future();
    auto calls = spawn([&] { add(2, 3); });
    CHECK(sum.get() == 5);
    calls.get();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "packaged_task: void, references, move-only things") {
  run([] {
    bool has_run = false;
    packaged_task<void()> plain([&] { has_run = true; });
    auto done = plain.get_future();
    plain();
    done.get();
    CHECK(has_run);

    int there = 0;
    packaged_task<int&(int&)> same([](int& i) -> int& { return i; });
    auto got = same.get_future();
    same(there);
    CHECK(&got.get() == &there);

    packaged_task<std::unique_ptr<int>(std::unique_ptr<int>)> adds(
        [kept = std::make_unique<int>(2)](std::unique_ptr<int> more) {
          *more += *kept;
          return more;
        });
    auto sum = adds.get_future();
    adds(std::make_unique<int>(3));
    CHECK(*sum.get() == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "packaged_task: an error goes to the future, not to the caller") {
  run([] {
    packaged_task<int()> fails([]() -> int { throw std::runtime_error("no luck"); });
    auto result = fails.get_future();
    fails();
    CHECK_THROWS_WITH_AS(result.get(), "no luck", std::runtime_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "packaged_task: a cancel of the caller is not swallowed") {
  run([] {
    packaged_task<void()> waits([] { await_sleep(1h); });
    auto result = waits.get_future();
    bool came_back = false;
    auto calls = spawn([&] {
      waits();
      came_back = true;
    });
    weft::yield();
    calls.cancel();
    CHECK_THROWS_AS(result.get(), weft::task_cancelled);
    calls.join();
    CHECK(calls.was_cancelled());
    CHECK_FALSE(came_back);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "packaged_task: called once, until it is reset") {
  run([] {
    int calls = 0;
    packaged_task<int()> counts([&] { return ++calls; });
    auto first = counts.get_future();
    CHECK_THROWS_AS(static_cast<void>(counts.get_future()), std::future_error);
    counts();
    CHECK_THROWS_AS(counts(), std::future_error);
    CHECK(calls == 1);
    counts.reset();
    auto second = counts.get_future();
    counts();
    CHECK(first.get() == 1);
    CHECK(second.get() == 2);
    auto third = [&] {
      counts.reset();
      return counts.get_future();
    }();
    counts.reset();
    CHECK_THROWS_AS(third.get(), std::future_error);  // broken_promise
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "packaged_task: empty, moved from, never called") {
  run([] {
    packaged_task<void()> none;
    CHECK_FALSE(none.valid());
    CHECK_THROWS_AS(none(), std::future_error);
    CHECK_THROWS_AS(static_cast<void>(none.get_future()), std::future_error);
    CHECK_THROWS_AS(none.reset(), std::future_error);
    weft::future<void> never;
    {
      packaged_task<void()> one([own = counted()] {});
      never = one.get_future();
      none = std::move(one);
      CHECK(none.valid());
      packaged_task<void()> other;
      other.swap(none);
      CHECK_FALSE(none.valid());
    }
    CHECK_THROWS_AS(never.get(), std::future_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "packaged_task: called on another thread") {
  run([] {
    packaged_task<std::thread::id()> where([] { return std::this_thread::get_id(); });
    auto answer = where.get_future();
    std::thread other(std::move(where));
    CHECK(answer.get() == other.get_id());
    other.join();
  });
}
