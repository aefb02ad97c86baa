// SPDX-License-Identifier: BSL-1.0
// Events between the fibers of one loop: who is woken, cancellation, deadlines.
#include "weft/event.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::on_virtual_time;

#define EVENTS weft::event, weft::local::event

TEST_CASE_TEMPLATE("event: wakes all who wait, in their order, and stays set", Event, EVENTS) {
  on_virtual_time().run([] {
    Event ready;
    CHECK_FALSE(ready.is_set());
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&, i] {
        ready.wait();
        order.push_back(i);
      }));
    }
    await_sleep(1s);
    CHECK(order.empty());
    ready.set();
    CHECK(order.empty());  // sem 47: not inside set()
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2});
    CHECK(ready.is_set());
    ready.set();
    ready.wait();
    ready.clear();
    CHECK_FALSE(ready.is_set());
    CHECK_FALSE(ready.wait_for(1s));
  });
}

TEST_CASE_TEMPLATE("sem 53: set() and clear() in one turn wake all who were waiting", Event,
                   EVENTS) {
  on_virtual_time().run([] {
    Event ready;
    int woken = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&] {
        ready.wait();
        ++woken;
      }));
    }
    weft::yield();
    ready.set();
    ready.clear();
    CHECK_FALSE(ready.wait_for(1s));
    CHECK(woken == 3);
  });
}

TEST_CASE_TEMPLATE("sem 3: a set event is kept from a later cancel, not from an earlier one", Event,
                   EVENTS) {
  on_virtual_time().run([] {
    Event ready;
    bool had_it = false;
    auto early = spawn([&] { ready.wait(); });
    auto late = spawn([&] {
      ready.wait();
      had_it = true;
      weft::yield();
    });
    weft::yield();
    early.cancel();
    ready.set();
    late.cancel();
    early.join();
    late.join();
    CHECK(early.was_cancelled());
    CHECK(late.was_cancelled());
    CHECK(had_it);
  });
}

TEST_CASE_TEMPLATE("sem 48: waiting for a set event neither waits nor throws, but costs budget",
                   Event, EVENTS) {
  on_virtual_time().run([] {
    Event ready;
    ready.set();
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    bool has_passed = false;
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] {
      scope.cancel();
      ready.wait();
      CHECK(ready.wait_until(weft::time_point::min()));
      CHECK_FALSE(other_ran);
      for (int i = 0; i < 128; ++i) ready.wait();
      CHECK(other_ran);
      has_passed = true;
    });
    CHECK(has_passed);
    other.get();
  });
}

TEST_CASE_TEMPLATE("event: deadlines past, zero, negative and endless", Event, EVENTS) {
  on_virtual_time().run([] {
    Event ready;
    const auto start = weft::now();
    CHECK_FALSE(ready.wait_for(0s));
    CHECK_FALSE(ready.wait_for(-1h));
    CHECK_FALSE(ready.wait_until(weft::time_point::min()));
    CHECK(weft::now() == start);
    CHECK_FALSE(ready.wait_for(1s));
    CHECK(weft::now() == start + 1s);
    auto later = spawn([&] {
      await_sleep(1s);
      ready.set();
    });
    CHECK(ready.wait_for(weft::duration::max()));
    CHECK(weft::now() == start + 2s);
  });
}

TEST_CASE_TEMPLATE("sem 58: a deadline at the instant of set() is one or the other", Event,
                   EVENTS) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Event ready;
      int ended = 0;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 4; ++i) {
        tasks.push_back(spawn([&] {
          ready.wait_for(1s);
          ++ended;
        }));
      }
      await_sleep(1s);
      ready.set();
      ready.clear();
      tasks[0].cancel();
      for (auto& t : tasks) t.join();
      CHECK(ended >= 3);
    });
  }
}

TEST_CASE("event: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto ready = std::make_unique<weft::event>();
      auto waits = spawn([&] { ready->wait(); });
      weft::yield();
      ready.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}
