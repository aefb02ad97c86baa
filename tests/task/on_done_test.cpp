// SPDX-License-Identifier: BSL-1.0
// Callbacks at a task's end: fibers of their own, whatever the end was and whenever they came.
#include <chrono>
#include <ostream>  // std::thread::id in a failed check
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::capture_reports;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_virtual_time,
                  "on_done: the callback runs after the end, as a fiber of its own") {
  run([] {
    auto t = spawn([] { await_sleep(1s); });
    weft::fiber_id where{};
    bool was_done = false;
    t.on_done([&] {
      where = weft::this_fiber::id();
      was_done = t.done();
    });
    await_sleep(500ms);
    CHECK_FALSE(was_done);
    await_sleep(1s);
    CHECK(was_done);
    CHECK(where != t.id());
    CHECK(where != weft::this_fiber::id());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "on_done: a callback may park") {
  run([] {
    auto t = spawn([] {});
    auto other = spawn([] { await_sleep(2s); return 5; });
    int result = 0;
    t.on_done([&] {
      await_sleep(1s);
      result = other.get();
    });
    await_sleep(3s);
    CHECK(result == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "on_done: attached after the end it runs at once, but not inline") {
  run([] {
    auto t = spawn([] {});
    t.join();
    int calls = 0;
    t.on_done([&] { ++calls; });
    CHECK(calls == 0);
    weft::yield();
    CHECK(calls == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "on_done: it runs for failed, cancelled and never-run tasks, too") {
  run([] {
    int calls = 0;
    const capture_reports ignored;
    auto failed = spawn([] { throw std::runtime_error("x"); });
    auto stopped = spawn([] { await_sleep(1h); });
    auto never_ran = spawn([] {});
    failed.on_done([&] { ++calls; });
    stopped.on_done([&] { ++calls; });
    never_ran.on_done([&] { ++calls; });
    never_ran.cancel();
    weft::yield();
    stopped.cancel();
    failed.join();
    stopped.join();
    never_ran.join();
    weft::yield();
    CHECK(calls == 3);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "on_done: several callbacks run in the order they were attached") {
  run([] {
    std::vector<int> order;
    auto t = spawn([] { await_sleep(1s); });
    for (int i = 0; i < 4; ++i) t.on_done([&order, i] { order.push_back(i); });
    t.join();
    weft::yield();
    t.on_done([&order] { order.push_back(4); });
    weft::yield();
    CHECK(order == std::vector<int>{0, 1, 2, 3, 4});
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "on_done: a callback outlives the handle") {
  run([] {
    bool was_called = false;
    {
      auto t = spawn([] { await_sleep(1h); });
      t.on_done([&, witness = counted()] { was_called = true; });
      weft::yield();
    }
    weft::yield();
    CHECK(was_called);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "on_done: a callback of a detached task runs") {
  run([] {
    bool was_called = false;
    auto t = spawn([] { await_sleep(1s); });
    t.on_done([&] { was_called = true; });
    t.detach();
    await_sleep(2s);
    CHECK(was_called);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "on_done: an error that leaves the callback is reported once") {
  const capture_reports reports;
  run([&] {
    auto t = spawn([] {});
    t.on_done([] { throw std::runtime_error("in the callback"); });
    t.join();
    await_sleep(1s);
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("in the callback") != std::string::npos);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "on_done: what copying the callable throws comes out and changes nothing") {
  struct throws_on_copy {
    throws_on_copy() = default;
    throws_on_copy(const throws_on_copy&) { throw std::runtime_error("no copy"); }
    void operator()() const {}
  };
  run([] {
    auto t = spawn([] { return 5; });
    const throws_on_copy bad;
    CHECK_THROWS_WITH_AS(t.on_done(bad), "no copy", std::runtime_error);
    CHECK(t.get() == 5);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "on_done: a callback that is left when run() ends still runs, cancelled at its "
                  "waits") {
  bool was_called = false;
  bool was_cancelled = false;
  run([&] {
    auto t = spawn([] {});
    t.join();
    t.on_done([&, witness = counted()] {
      was_called = true;
      try {
        await_sleep(1h);
      } catch (const weft::cancelled&) {
        was_cancelled = true;
      }
    });
  });
  CHECK(was_called);
  CHECK(was_cancelled);
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "on_done: callbacks of what the end of run() cancels leave nothing behind") {
  const capture_reports reports;
  run([&] {
    auto t = spawn([witness = counted()] { await_sleep(1h); });
    t.on_done([witness = counted()] {});
    t.on_done([witness = counted()] { await_sleep(1h); });
    t.detach();
    weft::yield();
  });
  CHECK(counted::alive() == 0);
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(no_leaks, "on_done: attached from a plain thread it runs on the task's loop") {
  run([] {
    const auto here = std::this_thread::get_id();
    weft::promise<std::thread::id> before;
    weft::promise<std::thread::id> after;
    auto first = before.get_future();
    auto second = after.get_future();
    weft::promise<void> gate;
    auto t = spawn([entry = gate.get_future()]() mutable { entry.get(); });
    std::thread([&] {
      t.on_done([&] { before.set_value(std::this_thread::get_id()); });
    }).join();
    gate.set_value();
    CHECK(first.get() == here);
    t.join();
    std::thread([&] {
      t.on_done([&] { after.set_value(std::this_thread::get_id()); });
    }).join();
    CHECK(second.get() == here);
  });
}
