// SPDX-License-Identifier: BSL-1.0
// Condition variables between the fibers of one loop: order, re-locking, cancellation, deadlines.
#include "weft/condition_variable.hpp"

#include <chrono>
#include <cstdint>
#include <mutex>
#include <shared_mutex>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/mutex.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::any_thread;
using weft_tests::on_virtual_time;
using weft_tests::one_loop;

TEST_CASE_TEMPLATE("condition variable: waits until a notify, without the lock", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::mutex m;
    typename Kind::condition changed;
    bool is_set = false;
    auto waits = spawn([&] {
      std::unique_lock<typename Kind::mutex> hold(m);
      changed.wait(hold, [&] { return is_set; });
      CHECK(hold.owns_lock());
      CHECK_FALSE(m.try_lock());
    });
    weft::yield();
    REQUIRE(m.try_lock());
    is_set = true;
    m.unlock();
    changed.notify_one();
    waits.get();
    CHECK(m.try_lock());
    m.unlock();
  });
}

TEST_CASE_TEMPLATE("condition variable: notify_one wakes who has waited longest, notify_all all",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::mutex m;
    typename Kind::condition changed;
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 4; ++i) {
      tasks.push_back(spawn([&, i] {
        std::unique_lock<typename Kind::mutex> hold(m);
        changed.wait(hold);
        order.push_back(i);
      }));
    }
    weft::yield();
    changed.notify_one();
    changed.notify_one();
    await_sleep(1s);
    CHECK(order == std::vector<int>{0, 1});
    changed.notify_all();
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
    changed.notify_one();  // nobody: nothing is kept
    std::unique_lock<typename Kind::mutex> hold(m);
    CHECK(changed.wait_for(hold, 1s) == std::cv_status::timeout);
  });
}

TEST_CASE_TEMPLATE("sem 52: a cancelled wait has the lock again before it throws", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::mutex m;
    typename Kind::condition changed;
    bool held_it = false;
    auto waits = spawn([&] {
      std::unique_lock<typename Kind::mutex> hold(m);
      try {
        changed.wait(hold);
      } catch (const weft::cancelled&) {
        held_it = hold.owns_lock() && !m.try_lock();
        throw;
      }
    });
    weft::yield();
    m.lock();
    waits.cancel();
    await_sleep(1s);
    CHECK_FALSE(waits.done());  // the lock is ours
    waits.cancel();             // again, while it waits for the lock
    m.unlock();
    waits.join();
    CHECK(waits.was_cancelled());
    CHECK(held_it);
  });
}

TEST_CASE_TEMPLATE("sem 52: a notify that reached a waiter counts; one after a cancel goes on",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::mutex m;
    typename Kind::condition changed;
    std::vector<int> woken;
    const auto wait = [&](int who) {
      return spawn([&, who] {
        std::unique_lock<typename Kind::mutex> hold(m);
        changed.wait(hold);
        woken.push_back(who);
      });
    };
    auto a = wait(1);
    auto b = wait(2);
    weft::yield();
    changed.notify_one();  // reaches a
    a.cancel();
    await_sleep(1s);
    CHECK(woken == std::vector<int>{1});
    auto c = wait(3);
    weft::yield();
    b.cancel();
    changed.notify_one();  // b was cancelled before: c has it
    await_sleep(1s);
    CHECK(woken == std::vector<int>{1, 3});
    b.join();
    CHECK(b.was_cancelled());
    a.join();
    c.join();
  });
}

TEST_CASE_TEMPLATE("condition variable: deadlines, with and without a predicate", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::mutex m;
    typename Kind::condition changed;
    std::unique_lock<typename Kind::mutex> hold(m);
    const auto start = weft::now();
    CHECK(changed.wait_for(hold, 1s) == std::cv_status::timeout);
    CHECK(weft::now() == start + 1s);
    CHECK_FALSE(changed.wait_for(hold, 1s, [] { return false; }));
    CHECK(weft::now() == start + 2s);
    CHECK(changed.wait_for(hold, 1s, [] { return true; }));
    CHECK(changed.wait_until(hold, weft::time_point::min()) == std::cv_status::timeout);
    CHECK(changed.wait_for(hold, -1h) == std::cv_status::timeout);
    CHECK(weft::now() == start + 2s);
    auto later = spawn([&] {
      await_sleep(1s);
      changed.notify_all();
    });
    CHECK(changed.wait_for(hold, weft::duration::max()) == std::cv_status::no_timeout);
    CHECK(weft::now() == start + 3s);
    CHECK(hold.owns_lock());
  });
}

TEST_CASE("condition variable: to wait without the lock is misuse, and nothing stays behind") {
  on_virtual_time().run([] {
    weft::mutex m;
    weft::condition_variable changed;
    CHECK_THROWS_AS(changed.wait(m), std::logic_error);
  });
}

TEST_CASE_TEMPLATE("torture 17: a notification is not lost to a cancel that races with it", Kind,
                   any_thread, one_loop) {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      typename Kind::mutex m;
      typename Kind::condition changed;
      int tokens = 0;
      int taken = 0;
      const auto consume = [&] {
        std::unique_lock<typename Kind::mutex> hold(m);
        changed.wait(hold, [&] { return tokens > 0; });
        --tokens;
        ++taken;
      };
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 4; ++i) tasks.push_back(spawn(consume));
      weft::yield();
      auto makes = spawn([&] {
        const std::lock_guard<typename Kind::mutex> hold(m);
        tokens += 2;
        changed.notify_one();
        changed.notify_one();
      });
      auto cancels = spawn([&] {
        tasks[0].cancel();
        tasks[1].cancel();
      });
      await_sleep(1s);
      CHECK(taken == 2);  // a woken one that is cancelled takes it first: its wait was complete
      CHECK(tokens == 0);
      for (auto& t : tasks) t.cancel();
    });
  }
}
