// SPDX-License-Identifier: BSL-1.0
// to_thread under cancellation: before the call began, while it runs, and abandoned.
#include <functional>
#include <future>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"
#include "weft/to_thread.hpp"

using weft::spawn;
using weft::to_thread;
using weft_tests::capture_reports;
using weft_tests::counted;
using weft_tests::one_thread;
using weft_tests::pool_at_rest;

TEST_CASE_FIXTURE(pool_at_rest, "sem 78: a cancel withdraws a call that has not begun") {
  run([] {
    one_thread pool;
    pool.occupy();
    bool has_run = false;
    auto waiting = spawn([&] { to_thread([&] { has_run = true; }); });
    weft::yield();
    CHECK(weft::measure_thread_pool().queued == 1);
    waiting.cancel();
    waiting.join();  // while the only thread is still busy
    CHECK(waiting.was_cancelled());
    CHECK(weft::measure_thread_pool().queued == 0);
    pool.release();
    to_thread([] {});  // would come behind it
    CHECK_FALSE(has_run);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 78: a cancelled caller waits for a call that runs") {
  run([] {
    std::promise<void> begun;
    std::promise<void> end;
    int result = 0;
    bool was_cancelled_later = false;
    auto caller = spawn([&] {
      counted on_the_stack;
      result = to_thread([&, alive = &on_the_stack] {
        begun.set_value();
        end.get_future().wait();
        return alive == &on_the_stack ? 5 : 6;
      });
      try {
        weft::yield();
      } catch (const weft::cancelled&) {
        was_cancelled_later = true;
        throw;
      }
    });
    weft::yield();
    begun.get_future().wait();
    caller.cancel();
    for (int i = 0; i < 100; ++i) weft::yield();
    CHECK_FALSE(caller.done());
    end.set_value();
    caller.join();
    CHECK(result == 5);  // sem 3: what was completed is kept
    CHECK(was_cancelled_later);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 3: an error that came with the cancel is thrown") {
  run([] {
    std::promise<void> begun;
    std::promise<void> end;
    auto caller = spawn([&] {
      to_thread([&] {
        begun.set_value();
        end.get_future().wait();
        throw std::runtime_error("late");
      });
    });
    weft::yield();
    begun.get_future().wait();
    caller.cancel();
    weft::yield();
    end.set_value();
    CHECK_THROWS_WITH_AS(caller.get(), "late", std::runtime_error);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 7: a cancelled fiber begins no call") {
  run([] {
    bool has_run = false;
    auto task = spawn([&] {
      try {
        weft::await_sleep(weft::duration::max());
      } catch (const weft::cancelled&) {
      }
      to_thread([&] { has_run = true; });
    });
    weft::yield();
    task.cancel();
    task.join();
    CHECK(task.was_cancelled());
    CHECK_FALSE(has_run);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 9: a call in a destructor is made while a cancel unwinds") {
  run([] {
    int result = 0;
    auto task = spawn([&] {
      struct closer {
        int& result;
        ~closer() {
          result = to_thread([] { return 5; });
        }
      } at_end{result};
      weft::await_sleep(weft::duration::max());
    });
    weft::yield();
    task.cancel();
    task.join();
    CHECK(result == 5);
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 78: abandon_on_cancel leaves a call that runs at once") {
  capture_reports reports;
  run([] {
    one_thread pool;
    std::promise<void> begun;
    std::promise<void> end;
    auto caller = spawn([&] {
      return to_thread(
          weft::abandon_on_cancel,
          [&begun, gate = end.get_future(), owned = counted()](counted) mutable {
            begun.set_value();
            gate.wait();
            return counted();
          },
          counted());
    });
    weft::yield();
    begun.get_future().wait();
    caller.cancel();
    caller.join();
    CHECK(caller.was_cancelled());
    CHECK(counted::alive() != 0);  // the call's own
    end.set_value();
    to_thread([] {});  // the same thread, later
  });
  CHECK(reports.texts().empty());  // and the fixture finds every object destroyed
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 36: an abandoned call's error is reported once") {
  capture_reports reports;
  run([] {
    one_thread pool;
    std::promise<void> begun;
    std::promise<void> end;
    auto caller = spawn([&] {
      to_thread(weft::abandon_on_cancel, [&begun, gate = end.get_future()]() mutable {
        begun.set_value();
        gate.wait();
        throw std::runtime_error("too late");
      });
    });
    weft::yield();
    begun.get_future().wait();
    caller.cancel();
    caller.join();
    end.set_value();
    to_thread([] {});
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0] ==
        "weft: a call that to_thread() had to abandon ended with std::runtime_error: too late. "
        "Nobody took the error: its caller was cancelled before.");
}

TEST_CASE_FIXTURE(pool_at_rest,
                  "to_thread: abandon_on_cancel owns its arguments and returns as ever") {
  run([] {
    std::string text = "a";
    CHECK(to_thread(
              weft::abandon_on_cancel, [](std::string& s) { return s += "b"; }, std::ref(text)) ==
          "ab");
    CHECK(to_thread(
              weft::abandon_on_cancel, [](std::string s) { return s += "c"; }, text) == "abc");
    CHECK(text == "ab");
    CHECK_THROWS_AS(to_thread(weft::abandon_on_cancel, [] { throw 5; }), int);
    to_thread(weft::abandon_on_cancel, [] {});
  });
}

TEST_CASE_FIXTURE(pool_at_rest, "sem 78: a queued call that may be abandoned is withdrawn, too") {
  run([] {
    one_thread pool;
    pool.occupy();
    bool has_run = false;
    auto waiting = spawn([&] {
      to_thread(weft::abandon_on_cancel, [&has_run, owned = counted()] { has_run = true; });
    });
    weft::yield();
    waiting.cancel();
    waiting.join();
    CHECK(counted::alive() == 0);
    pool.release();
    to_thread([] {});
    CHECK_FALSE(has_run);
  });
}
