// SPDX-License-Identifier: BSL-1.0
// Wait groups between the fibers of one loop: counting, using again, cancellation, deadlines.
#include "weft/wait_group.hpp"

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
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

#define GROUPS weft::wait_group, weft::local::wait_group

TEST_CASE_TEMPLATE("wait_group: waits until all are done, again and again", Group, GROUPS) {
  on_virtual_time().run([] {
    Group under_way;
    under_way.wait();
    for (int round = 1; round <= 3; ++round) {
      int done = 0;
      std::vector<weft::task<>> tasks;
      under_way.add(5);
      for (int i = 0; i < 5; ++i) {
        tasks.push_back(spawn([&, i] {
          await_sleep(i * 1s);
          ++done;
          under_way.done();
        }));
      }
      CHECK(under_way.count() == 5);
      under_way.wait();
      CHECK(done == 5);
      CHECK(under_way.count() == 0);
    }
  });
}

TEST_CASE_TEMPLATE("wait_group: zero ends the waits, in their order, though it grows again", Group,
                   GROUPS) {
  on_virtual_time().run([] {
    Group under_way;
    under_way.add();
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&, i] {
        under_way.wait();
        order.push_back(i);
      }));
    }
    weft::yield();
    under_way.done();
    under_way.add();
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2});
    CHECK_FALSE(under_way.wait_for(1s));
    under_way.add(-1);
    under_way.wait();
  });
}

TEST_CASE_TEMPLATE("wait_group: a guard is done when its block is left, and moves", Group, GROUPS) {
  on_virtual_time().run([] {
    Group under_way;
    using guard = typename Group::guard;
    auto throws = spawn([&, hold = guard(under_way)]() mutable {
      const guard own(std::move(hold));
      await_sleep(1s);
      throw std::runtime_error("no luck");
    });
    CHECK(under_way.count() == 1);
    guard other(under_way);
    other = guard(under_way);
    CHECK(under_way.count() == 2);
    { const guard last(std::move(other)); }
    const auto start = weft::now();
    under_way.wait();
    CHECK(weft::now() == start + 1s);
    CHECK_THROWS_AS(throws.get(), std::runtime_error);
  });
}

TEST_CASE_TEMPLATE("wait_group: below zero is misuse and counts nothing", Group, GROUPS) {
  on_virtual_time().run([] {
    Group under_way;
    std::string text;
    try {
      under_way.done();
    } catch (const std::logic_error& e) {
      text = e.what();
    }
    CHECK(text.find("wait_group::done() was to change a count of 0 by -1") != std::string::npos);
    under_way.add(2);
    CHECK_THROWS_AS(under_way.add(-3), std::logic_error);
    CHECK_THROWS_AS(under_way.add(std::numeric_limits<std::ptrdiff_t>::max()), std::logic_error);
    CHECK(under_way.count() == 2);
    under_way.add(-2);
  });
}

TEST_CASE_TEMPLATE("sem 3: done before the cancel, the wait is complete; after it, not", Group,
                   GROUPS) {
  on_virtual_time().run([] {
    Group under_way;
    under_way.add();
    bool passed = false;
    auto early = spawn([&] { under_way.wait(); });
    auto late = spawn([&] {
      under_way.wait();
      passed = true;
      weft::yield();
    });
    weft::yield();
    early.cancel();
    under_way.done();
    late.cancel();
    early.join();
    late.join();
    CHECK(early.was_cancelled());
    CHECK(late.was_cancelled());
    CHECK(passed);
  });
}

TEST_CASE_TEMPLATE("sem 48: at zero it neither waits nor throws", Group, GROUPS) {
  on_virtual_time().run([] {
    Group under_way;
    weft::cancel_scope scope;
    int passed = 0;
    weft::with_scope(scope, [&] {
      scope.cancel();
      under_way.wait();
      passed += under_way.wait_for(-1s) ? 1 : 0;
    });
    CHECK(passed == 1);
  });
}

TEST_CASE_TEMPLATE("wait_group: deadlines, and done() at the same instant", Group, GROUPS) {
  on_virtual_time().run([] {
    Group under_way;
    const typename Group::guard one(under_way);
    const auto start = weft::now();
    CHECK_FALSE(under_way.wait_for(0s));
    CHECK_FALSE(under_way.wait_for(-1h));
    CHECK_FALSE(under_way.wait_until(weft::time_point::min()));
    CHECK(weft::now() == start);
    CHECK_FALSE(under_way.wait_for(1s));
    CHECK(weft::now() == start + 1s);
  });
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Group under_way;
      under_way.add(2);
      auto first = spawn([&] {
        await_sleep(1s);
        under_way.done();
      });
      auto second = spawn([&] {
        await_sleep(1s);
        under_way.done();
      });
      const bool is_over = under_way.wait_for(1s);
      CHECK((!is_over || under_way.count() == 0));
      CHECK(under_way.wait_for(weft::duration::max()));
    });
  }
}

TEST_CASE("wait_group: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto under_way = std::make_unique<weft::wait_group>();
      under_way->add();
      auto waits = spawn([&] { under_way->wait(); });
      weft::yield();
      under_way.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}
