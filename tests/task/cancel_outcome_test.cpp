// SPDX-License-Identifier: BSL-1.0
// What is left of a task that was cancelled: its result, its error or its reason, and those who
// wait for it. When a cancel arrives: cancel_test.cpp.
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft::task;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 4: a handler of std::exception in the body does not stop a cancel") {
  run([] {
    bool was_swallowed = false;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const std::exception&) {
        was_swallowed = true;
      }
    });
    weft::yield();
    t.cancel();
    t.join();
    CHECK_FALSE(was_swallowed);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 4: get() of a cancelled task throws task_cancelled") {
  run([] {
    auto t = spawn({"mail"}, [] {
      await_sleep(1h);
      return 1;
    });
    weft::yield();
    t.cancel("no longer wanted");
    std::string said;
    try {
      static_cast<void>(t.get());
    } catch (const std::runtime_error& e) {
      CHECK(dynamic_cast<const weft::task_cancelled*>(&e) != nullptr);
      said = e.what();
    }
    CHECK(said == "weft: fiber 2 'mail' was cancelled: no longer wanted");
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 5: a swallowed cancel is thrown again at every further wait") {
  run([] {
    int thrown = 0;
    auto t = spawn([&] {
      for (int i = 0; i < 5; ++i) {
        try {
          i % 2 == 0 ? await_sleep(1h) : weft::yield();
        } catch (...) {
          ++thrown;
        }
      }
      try {
        weft::checkpoint();
      } catch (const cancelled&) {
        ++thrown;
      }
    });
    weft::yield();
    t.cancel();
    t.join();
    CHECK(thrown == 6);
    CHECK_FALSE(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 6: a task that catches `cancelled` and returns is done with its value") {
  run([] {
    auto t = spawn([] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
      }
      return 5;
    });
    weft::yield();
    t.cancel();
    CHECK(t.get() == 5);
    CHECK_FALSE(t.was_cancelled());
    CHECK(t.exception() == nullptr);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 6: an error thrown instead of the cancel is the task's error") {
  run([] {
    auto t = spawn([] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        throw std::runtime_error("while cleaning up");
      }
    });
    weft::yield();
    t.cancel();
    CHECK_THROWS_WITH_AS(t.get(), "while cleaning up", std::runtime_error);
    CHECK_FALSE(t.was_cancelled());
    CHECK(t.exception() != nullptr);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 7: cancel() of a finished task returns false and changes nothing") {
  run([] {
    auto good = spawn([] { return 1; });
    auto bad = spawn([] { throw 5; });
    good.join();
    bad.join();
    CHECK_FALSE(good.cancel());
    CHECK_FALSE(bad.cancel("late"));
    CHECK_FALSE(good.was_cancelled());
    CHECK(good.get() == 1);
    CHECK_THROWS_AS(bad.get(), int);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 7: cancelling twice is the same as once") {
  run([] {
    int thrown = 0;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        ++thrown;
        throw;
      }
    });
    weft::yield();
    CHECK(t.cancel());
    CHECK(t.cancel());
    t.join();
    CHECK(thrown == 1);
    CHECK_FALSE(t.cancel());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "sem 20: the first reason is kept and visible in the exception") {
  run([] {
    std::string seen;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled& c) {
        seen = c.reason();
        throw;
      }
    });
    weft::yield();
    t.cancel("the first");
    t.cancel("the second");
    t.join();
    CHECK(seen == "the first");
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 20: a cancel without a reason gives an empty one") {
  run([] {
    bool is_empty = false;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled& c) {
        is_empty = c.reason().empty();
      }
    });
    weft::yield();
    t.cancel();
    t.join();
    CHECK(is_empty);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "cancel: the waiters of a cancelled task go on") {
  run([] {
    auto t = spawn([] { await_sleep(1h); });
    auto waiter = spawn([&] {
      t.join();
      return 1;
    });
    weft::yield();
    t.cancel();
    CHECK(waiter.get() == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "cancel: a body that throws `cancelled` without being asked ends cancelled") {
  run([] {
    auto t = spawn([] { throw cancelled(); });
    t.join();
    CHECK(t.was_cancelled());
    CHECK_THROWS_AS(t.get(), weft::task_cancelled);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "cancel: two that cancel each other both end") {
  run([] {
    task<> a;
    task<> b;
    a = spawn([&] {
      await_sleep(1s);
      b.cancel();
      await_sleep(1h);
    });
    b = spawn([&] {
      await_sleep(1s);
      a.cancel();
      await_sleep(1h);
    });
    a.join();
    b.join();
    CHECK(a.was_cancelled());
    CHECK(b.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "cancel: a task spawned by a cancelled one is not cancelled itself") {
  run([] {
    int result = 0;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        spawn([&] {
          await_sleep(1s);
          result = 5;
        }).detach();
      }
    });
    weft::yield();
    t.cancel();
    t.join();
    await_sleep(2s);
    CHECK(result == 5);
  });
}
