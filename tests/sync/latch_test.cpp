// SPDX-License-Identifier: BSL-1.0
// Latches between the fibers of one loop: counting, cancellation, deadlines.
#include "weft/latch.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
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

#define LATCHES weft::latch, weft::local::latch

TEST_CASE_TEMPLATE("latch: opens at zero, for all in their order, and for good", Latch, LATCHES) {
  on_virtual_time().run([] {
    Latch gate(3);
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&, i] {
        gate.wait();
        order.push_back(i);
      }));
    }
    gate.count_down(0);
    gate.count_down(2);
    await_sleep(1s);
    CHECK(order.empty());
    CHECK_FALSE(gate.try_wait());
    gate.count_down();
    CHECK(order.empty());
    CHECK(gate.try_wait());
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2});
    gate.wait();
    CHECK(Latch(0).try_wait());
  });
}

TEST_CASE_TEMPLATE("latch: arrive_and_wait lets the last one go on at once", Latch, LATCHES) {
  on_virtual_time().run([] {
    Latch gate(4);
    int inside = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 2; ++i) {
      tasks.push_back(spawn([&] {
        ++inside;
        gate.arrive_and_wait();
        CHECK(inside == 3);
      }));
    }
    weft::yield();
    ++inside;
    gate.arrive_and_wait(2);
    for (auto& t : tasks) t.get();
  });
}

TEST_CASE_TEMPLATE("latch: to count below zero, or up, is misuse and counts nothing", Latch,
                   LATCHES) {
  on_virtual_time().run([] {
    Latch gate(2);
    std::string text;
    try {
      gate.count_down(3);
    } catch (const std::logic_error& e) {
      text = e.what();
    }
    CHECK(text.find("latch::count_down() was to change a count of 2 by -3") != std::string::npos);
    CHECK_THROWS_AS(gate.count_down(-1), std::logic_error);
    CHECK_THROWS_AS(gate.arrive_and_wait(3), std::logic_error);
    CHECK_FALSE(gate.try_wait());
    gate.count_down(2);
    CHECK_THROWS_AS(gate.count_down(), std::logic_error);
    CHECK_THROWS_AS(Latch(-1), std::logic_error);
  });
}

TEST_CASE_TEMPLATE("sem 3: opened before the cancel, the wait is complete; after it, not", Latch,
                   LATCHES) {
  on_virtual_time().run([] {
    Latch gate(1);
    bool passed = false;
    auto early = spawn([&] { gate.wait(); });
    auto late = spawn([&] {
      gate.wait();
      passed = true;
      weft::yield();
    });
    weft::yield();
    early.cancel();
    gate.count_down();
    late.cancel();
    early.join();
    late.join();
    CHECK(early.was_cancelled());
    CHECK(late.was_cancelled());
    CHECK(passed);
  });
}

TEST_CASE_TEMPLATE("latch: a cancelled arrive_and_wait has counted", Latch, LATCHES) {
  on_virtual_time().run([] {
    Latch gate(2);
    auto arrives = spawn([&] { gate.arrive_and_wait(); });
    weft::yield();
    arrives.cancel();
    arrives.join();
    gate.count_down();
    CHECK(gate.try_wait());
  });
}

TEST_CASE_TEMPLATE("sem 48: an open latch neither waits nor throws", Latch, LATCHES) {
  on_virtual_time().run([] {
    Latch gate(1);
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    bool has_passed = false;
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] {
      scope.cancel();
      gate.arrive_and_wait();
      CHECK(gate.wait_for(-1s));
      CHECK_FALSE(other_ran);
      has_passed = true;
    });
    CHECK(has_passed);
    other.get();
  });
}

TEST_CASE_TEMPLATE("latch: deadlines past, zero, negative and endless", Latch, LATCHES) {
  on_virtual_time().run([] {
    Latch gate(1);
    const auto start = weft::now();
    CHECK_FALSE(gate.wait_for(0s));
    CHECK_FALSE(gate.wait_for(-1h));
    CHECK_FALSE(gate.wait_until(weft::time_point::min()));
    CHECK(weft::now() == start);
    auto later = spawn([&] {
      await_sleep(1s);
      gate.count_down();
    });
    CHECK(gate.wait_for(weft::duration::max()));
    CHECK(weft::now() == start + 1s);
  });
}

TEST_CASE_TEMPLATE("sem 58: a deadline at the instant of the last count is one or the other", Latch,
                   LATCHES) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Latch gate(1);
      std::vector<weft::task<>> tasks;
      int ended = 0;
      for (int i = 0; i < 4; ++i) {
        tasks.push_back(spawn([&] {
          const bool is_open = gate.wait_for(1s);
          CHECK((!is_open || gate.try_wait()));
          ++ended;
        }));
      }
      await_sleep(1s);
      gate.count_down();
      tasks[1].cancel();
      for (auto& t : tasks) t.join();
      CHECK(ended >= 3);
    });
  }
}

TEST_CASE("latch: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto gate = std::make_unique<weft::latch>(1);
      auto waits = spawn([&] { gate->wait(); });
      weft::yield();
      gate.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}
