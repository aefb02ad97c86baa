// SPDX-License-Identifier: BSL-1.0
// Waiting for a future: deadlines, cancellation, unwinding, a second consumer.
#include "weft/future.hpp"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::future;
using weft::promise;
using weft::spawn;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "future: wait_until() gives up at its deadline and no sooner") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    const auto start = weft::now();
    CHECK_FALSE(f.wait_until(start + 1s));
    CHECK(weft::now() == start + 1s);
    CHECK_FALSE(f.wait_for(250ms));
    CHECK(weft::now() == start + 1250ms);
    CHECK(f.valid());
    p.set_value(5);
    CHECK(f.wait_for(1h));
    CHECK(weft::now() == start + 1250ms);
    CHECK(f.get() == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "future: wait_until() returns when the value comes before the deadline") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    const auto start = weft::now();
    auto setter = spawn([&] {
      await_sleep(1s);
      p.set_value(5);
    });
    CHECK(f.wait_for(1h));
    CHECK(weft::now() == start + 1s);
    CHECK(f.get() == 5);
    await_sleep(2h);  // the timer of that wait was taken back: nothing is woken by it
    CHECK(weft::now() == start + 2h + 1s);
    setter.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "future: a deadline in the past looks once and does not hang") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    CHECK_FALSE(f.wait_for(0s));
    CHECK_FALSE(f.wait_for(-1h));
    CHECK_FALSE(f.wait_until(weft::time_point::min()));
    p.set_value(1);
    CHECK(f.wait_for(0s));
    CHECK(f.wait_until(weft::time_point::min()));
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "future: an endless wait_for() does not overflow") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    auto setter = spawn([&] {
      await_sleep(1s);
      p.set_value(5);
    });
    CHECK(f.wait_for(std::chrono::hours::max()));
    setter.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "future: a cancelled wait leaves the future its state") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    auto waiter = spawn([&] { f.get(); });
    weft::yield();
    waiter.cancel();
    waiter.join();
    CHECK(waiter.was_cancelled());
    REQUIRE(f.valid());
    CHECK_FALSE(f.is_ready());
    p.set_value(5);
    CHECK(f.get() == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "future: a timed wait that is cancelled throws; one that timed out does not") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    int ended_by_time = 0;
    auto waiter = spawn([&] {
      if (!f.wait_for(1s)) ++ended_by_time;
      if (!f.wait_for(1h)) ++ended_by_time;
    });
    await_sleep(2s);
    waiter.cancel();
    waiter.join();
    CHECK(ended_by_time == 1);
    CHECK(waiter.was_cancelled());
    CHECK(f.valid());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 58: a value set at the instant of the deadline is never both and never "
                  "neither") {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    CAPTURE(seed);
    run_seeded(seed, [] {
      promise<int> p;
      auto f = p.get_future();
      auto setter = spawn([&] {
        await_sleep(1s);
        p.set_value(5);
      });
      const bool is_there = f.wait_for(1s);
      if (!is_there) setter.join();
      REQUIRE(f.is_ready());
      REQUIRE(f.get() == 5);
    });
  }
}

TEST_CASE_FIXTURE(on_virtual_time, "future: a wait while the stack unwinds completes") {
  run([] {
    promise<int> p;
    int result = 0;
    auto t = spawn([&, f = p.get_future()]() mutable {
      const std::shared_ptr<void> last(nullptr, [&](void*) { result = f.get(); });
      await_sleep(1h);
    });
    weft::yield();
    t.cancel();
    weft::yield();
    p.set_value(5);
    t.join();
    CHECK(result == 5);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "future: a second consumer at the same time is a misuse that says so") {
  run([] {
    promise<int> p;
    auto f = p.get_future();
    auto first = spawn([&] { f.wait(); });
    weft::yield();
    CHECK_THROWS_WITH_AS(f.wait(),
                         "weft: a second fiber or thread waits on the same future: a future has "
                         "one consumer; give each its own promise",
                         std::logic_error);
    p.set_value(5);
    first.join();
    CHECK(f.get() == 5);
  });
}
