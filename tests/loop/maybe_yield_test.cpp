// SPDX-License-Identifier: BSL-1.0
// maybe_yield: a computation that lets the others in, now and then.
#include <chrono>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time, "maybe_yield: yields once a millisecond is over, not before") {
  run([this] {
    int others = 0;
    auto other = spawn([&] {
      for (;;) {
        ++others;
        weft::yield();
      }
    });
    weft::yield();
    const int before = others;
    for (int i = 0; i < 100; ++i) weft::maybe_yield();
    CHECK(others == before);
    clock.advance(999us);
    weft::maybe_yield();
    CHECK(others == before);
    clock.advance(1us);
    weft::maybe_yield();
    CHECK(others == before + 1);
    weft::maybe_yield();  // the slice has begun again
    CHECK(others == before + 1);
    other.cancel();
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 70: maybe_yield: lets timers in") {
  run([] {
    bool has_fired = false;
    auto timer = spawn([&] {
      weft::await_sleep(2ms);
      has_fired = true;
    });
    weft::yield();
    const auto end = weft::now() + 10s;
    while (!has_fired && weft::now() < end) weft::maybe_yield();
    CHECK(has_fired);
    timer.join();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "maybe_yield: throws cancelled where it yields") {
  run([this] {
    bool has_passed = false;
    auto task = spawn([&] {
      try {
        weft::await_sleep(1h);
      } catch (const weft::cancelled&) {
      }
      weft::maybe_yield();
      has_passed = true;
      clock.advance(1ms);
      weft::maybe_yield();
      FAIL("not reached");
    });
    weft::yield();
    task.cancel();
    task.join();
    CHECK(has_passed);
    CHECK(task.was_cancelled());
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 80: on a plain thread maybe_yield() does nothing") {
  weft::maybe_yield();
}
