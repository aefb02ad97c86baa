// SPDX-License-Identifier: BSL-1.0
// Deadlocks: thrown when they are certain, never when somebody could still come.
#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/skip.hpp"
#include "support/child.hpp"
#include "task/on_every_seed.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/debug.hpp"
#include "weft/future.hpp"
#include "weft/loop_ref.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft::task;
using weft::would_deadlock;
using weft_tests::no_leaks;
using weft_tests::on_every_seed;

namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

// Two tasks, each of which joins the other; main joins the first.
void join_in_a_circle() {
  task<> a;
  task<> b;
  a = spawn({"a"}, [&] { b.join(); });
  b = spawn({"b"}, [&] { a.join(); });
  a.join();
}

}  // namespace

TEST_CASE_FIXTURE(on_every_seed, "sem 97: a circle of joins is thrown at main's wait, as a graph") {
  run([] {
    try {
      join_in_a_circle();
      FAIL("main's join returned");
    } catch (const would_deadlock& error) {
      const std::string text = error.what();
      CHECK(has(text, "fiber 1 'main' waits in join for fiber 2 'a'"));
      CHECK(has(text, "fiber 2 'a' (spawned at deadlock_test.cpp:"));
      CHECK(has(text, "waits in join for fiber 3 'b'"));
      CHECK(has(text, "in a circle: fiber 2 'a' -> fiber 3 'b' -> fiber 2 'a'"));
    }
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 97: main may catch it and go on") {
  run([] {
    CHECK_THROWS_AS(join_in_a_circle(), would_deadlock);
    await_sleep(1ms);
    CHECK(spawn([] { return 1; }).get() == 1);
    CHECK_THROWS_AS(join_in_a_circle(), would_deadlock);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 97: it leaves run(), on the machine's clock, too") {
  CHECK_THROWS_AS(run([] { join_in_a_circle(); }), would_deadlock);
}

TEST_CASE_FIXTURE(on_every_seed, "sem 97: while a timer runs it is no deadlock") {
  run([] {
    task<> a;
    task<> b;
    a = spawn([&] { b.join(); });
    b = spawn([&] { a.join(); });
    CHECK_FALSE(weft::move_on_after(1h, [&] { a.join(); }));
    a.cancel();
    a.join();
    b.join();
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 97: an endless sleep waits for whoever cancels it") {
  run([] {
    const std::string graph_before = weft::debug::wait_graph();
    CHECK(has(graph_before, "nobody waits"));
    auto endless = spawn({"endless"}, [] { await_sleep(weft::duration::max()); });
    auto canceller = spawn([&] {
      weft::testing::wait_all_blocked();
      CHECK(has(weft::debug::wait_graph(), "'endless'"));
      endless.cancel();
    });
    endless.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 97: a future that another thread may set is no deadlock") {
  run([] {
    weft::promise<int> value;
    auto got = value.get_future();
    std::thread other([&] {
      std::this_thread::sleep_for(120ms);  // longer than the loop's first doubts
      value.set_value(4);
    });
    CHECK(got.get() == 4);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 97: a loop_ref on another thread may bring work") {
  run([] {
    task<> waits = spawn([] { await_sleep(weft::duration::max()); });
    std::thread other([here = weft::this_loop(), &waits] {
      std::this_thread::sleep_for(60ms);
      here.post([&] { waits.cancel(); });
    });
    waits.join();
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 97: a loop_ref elsewhere may end a circle") {
  run([] {
    task<> a;
    task<> b;
    a = spawn([&] { b.join(); });
    b = spawn([&] { a.join(); });
    std::thread other([here = weft::this_loop(), &a] {
      std::this_thread::sleep_for(60ms);  // longer than the loop's first doubts
      here.post([&] { a.cancel(); });
    });
    CHECK_NOTHROW(a.join());
    other.join();
  });
}

TEST_CASE("sem 97: where main cannot be thrown at, a deadlock is reported") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer has a thread of its own, which may do anything");
  weft_tests::child stuck([] {
    weft::run([] {
      weft::promise<int> nobody_sets;
      auto t = spawn([value = nobody_sets.get_future()]() mutable {
        weft::shielded([&] { value.get(); });
      });
      weft::yield();
    });  // t's handle waits for it, and a destructor does not throw
    return 0;
  });
  CHECK(stuck.wait_for("deadlock"));
  CHECK(stuck.wait_for("main's wait cannot throw; the loop goes on waiting"));
  kill(stuck.id(), SIGTERM);
  CHECK(stuck.finish().signal == SIGTERM);
}

TEST_CASE_FIXTURE(no_leaks, "sem 97: detection can be switched off") {
  weft::options how;
  how.detect_deadlock = false;
  run(how, [] {
    task<> a;
    task<> b;
    a = spawn([&] { b.join(); });
    b = spawn([&] { a.join(); });
    std::thread other([here = weft::this_loop(), &a] { here.post([&] { a.cancel(); }); });
    a.join();
    other.join();
  });
}

TEST_CASE_FIXTURE(on_every_seed, "torture 32: the graph names a group and the child that it waits for") {
  run([] {
    std::string text;
    try {
      weft::with_task_group([](weft::task_group& group) {
        task<> knot;
        group.spawn({"child"}, [&] { knot.join(); });
        knot = spawn({"knot"}, [&] { weft::with_task_group([&](weft::task_group& inner) {
                       inner.spawn({"inner"}, [&] { knot.join(); });
                     });
        });
        group.join();
      });
    } catch (const weft::exception_group& errors) {
      try {
        errors.rethrow_if_only();
      } catch (const would_deadlock& error) {
        text = error.what();
      }
    }
    CHECK(has(text, "fiber 1 'main' waits in task group for fiber 2 'child'"));
    CHECK(has(text, "'knot'"));
    CHECK(has(text, "in a circle: "));
  });
}
