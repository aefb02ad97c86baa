// SPDX-License-Identifier: BSL-1.0
// Notifiers between the fibers of one loop: the one permit, order, cancellation, deadlines.
#include "weft/notifier.hpp"

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

#define NOTIFIERS weft::notifier, weft::local::notifier

TEST_CASE_TEMPLATE("sem 54: notify_one keeps one permit at most, notify_all none", Notifier,
                   NOTIFIERS) {
  on_virtual_time().run([] {
    Notifier changed;
    changed.notify_one();
    changed.notify_one();
    changed.wait();
    CHECK_FALSE(changed.wait_for(1s));
    changed.notify_all();
    CHECK_FALSE(changed.wait_for(1s));
  });
}

TEST_CASE_TEMPLATE("notifier: notify_one wakes who has waited longest, notify_all all", Notifier,
                   NOTIFIERS) {
  on_virtual_time().run([] {
    Notifier changed;
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 4; ++i) {
      tasks.push_back(spawn([&, i] {
        changed.wait();
        order.push_back(i);
      }));
    }
    weft::yield();
    changed.notify_one();
    CHECK(order.empty());
    await_sleep(1s);
    CHECK(order == std::vector<int>{0});
    changed.notify_all();
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
    CHECK_FALSE(changed.wait_for(1s));
  });
}

TEST_CASE_TEMPLATE("sem 49: a notification that meets a cancelled wait goes to the next", Notifier,
                   NOTIFIERS) {
  on_virtual_time().run([] {
    Notifier changed;
    bool woken = false;
    auto first = spawn([&] { changed.wait(); });
    auto second = spawn([&] {
      changed.wait();
      woken = true;
    });
    weft::yield();
    first.cancel();
    changed.notify_one();
    second.get();
    CHECK(woken);
    first.join();
    CHECK(first.was_cancelled());
    auto third = spawn([&] { changed.wait(); });
    weft::yield();
    third.cancel();
    changed.notify_one();  // nobody else: it is kept
    third.join();
    CHECK(changed.wait_until(weft::time_point::min()));
  });
}

TEST_CASE_TEMPLATE("sem 3: a notification that came before the cancel counts", Notifier,
                   NOTIFIERS) {
  on_virtual_time().run([] {
    Notifier changed;
    bool woken = false;
    auto waits = spawn([&] {
      changed.wait();
      woken = true;
      weft::yield();
    });
    weft::yield();
    changed.notify_one();
    waits.cancel();
    waits.join();
    CHECK(woken);
    CHECK(waits.was_cancelled());
    CHECK_FALSE(changed.wait_for(0s));
  });
}

TEST_CASE_TEMPLATE("sem 48: a kept permit is taken without wait or throw", Notifier, NOTIFIERS) {
  on_virtual_time().run([] {
    Notifier changed;
    changed.notify_one();
    bool other_ran = false;
    auto other = spawn([&] { other_ran = true; });
    bool has_passed = false;
    weft::cancel_scope scope;
    weft::with_scope(scope, [&] {
      scope.cancel();
      changed.wait();
      CHECK_FALSE(other_ran);
      for (int i = 0; i < 128; ++i) {
        changed.notify_one();
        changed.wait();
      }
      CHECK(other_ran);
      has_passed = true;
    });
    CHECK(has_passed);
    other.get();
  });
}

TEST_CASE_TEMPLATE("notifier: deadlines past, zero, negative and endless", Notifier, NOTIFIERS) {
  on_virtual_time().run([] {
    Notifier changed;
    const auto start = weft::now();
    CHECK_FALSE(changed.wait_for(0s));
    CHECK_FALSE(changed.wait_for(-1h));
    CHECK_FALSE(changed.wait_until(weft::time_point::min()));
    CHECK(weft::now() == start);
    auto later = spawn([&] {
      await_sleep(1s);
      changed.notify_one();
    });
    CHECK(changed.wait_for(weft::duration::max()));
    CHECK(weft::now() == start + 1s);
  });
}

TEST_CASE_TEMPLATE("sem 58: no notification is lost to a deadline or cancel at the same instant",
                   Notifier, NOTIFIERS) {
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Notifier changed;
      int got = 0;
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 3; ++i) {
        tasks.push_back(spawn([&] {
          if (changed.wait_for(1s)) ++got;
        }));
      }
      auto endless = spawn([&] {
        changed.wait();
        ++got;
      });
      await_sleep(1s);
      auto cancels = spawn([&] { tasks[0].cancel(); });
      auto notifies = spawn([&] { changed.notify_one(); });
      await_sleep(1s);
      CHECK(got == 1);
      endless.cancel();
    });
  }
}

TEST_CASE("notifier: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto changed = std::make_unique<weft::notifier>();
      auto waits = spawn([&] { changed->wait(); });
      weft::yield();
      changed.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}
