// SPDX-License-Identifier: BSL-1.0
// Queues between the fibers of one loop: order, room, deadlines, values that throw or park when
// they are moved. How they end: queue_end_test.cpp.
#include "weft/queue.hpp"

#include <chrono>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "sync/kinds.hpp"
#include "sync/queue_kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;

TEST_CASE_TEMPLATE("queue: first in, first out; put waits for room, get for a value", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<int> q(2);
    std::size_t most = 0;
    auto puts = spawn([&] {
      for (int i = 0; i < 20; ++i) {
        q.put(i);
        most = std::max(most, q.size());
      }
    });
    for (int i = 0; i < 20; ++i) {
      if (i % 3 == 0) await_sleep(1s);
      CHECK(q.get() == i);
    }
    puts.get();
    CHECK(most == 2);
    CHECK(q.empty());
  });
}

TEST_CASE_TEMPLATE("queue: the newest first in a lifo_queue, also of who waits for room", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template lifo_queue<int> q(3);
    for (int i = 1; i <= 3; ++i) q.put(i);
    auto puts = spawn([&] { q.put(4); });
    weft::yield();
    CHECK(q.get() == 3);
    CHECK(q.get() == 4);
    q.put(5);
    CHECK(q.get() == 5);
    CHECK(q.get() == 2);
    CHECK(q.get() == 1);
    puts.get();
    q.put(6);
    CHECK(q.get() == 6);
  });
}

TEST_CASE_TEMPLATE("queue: try_put and try_get say no instead of waiting; sizes tell", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<std::unique_ptr<int>> q(1);
    CHECK(q.max_size() == 1);
    CHECK_FALSE(q.try_get());
    auto one = std::make_unique<int>(1);
    CHECK(q.try_put(std::move(one)));
    CHECK(one == nullptr);
    CHECK(q.full());
    CHECK(q.size() == 1);
    auto two = std::make_unique<int>(2);
    CHECK_FALSE(q.try_put(std::move(two)));
    CHECK(two != nullptr);  // still the caller's
    CHECK(**q.try_get() == 1);
    CHECK(q.empty());
    typename Kind::template queue<int> endless;
    CHECK(endless.max_size() == 0);
    for (int i = 0; i < 1000; ++i) endless.put(i);
    CHECK(endless.size() == 1000);
    CHECK_FALSE(endless.full());
  });
}

TEST_CASE_TEMPLATE("queue: getters are served in order, and a newcomer overtakes nobody", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<int> q;
    std::vector<int> got(4);
    std::vector<weft::task<>> tasks;
    for (std::size_t i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&, i] { got[i] = q.get(); }));
    }
    weft::yield();
    q.put(1);
    q.put(2);
    CHECK(q.empty());  // they are the getters' already
    CHECK_FALSE(q.try_get());
    q.put(3);
    q.put(4);
    got[3] = q.get();
    for (auto& t : tasks) t.get();
    CHECK(got == std::vector<int>{1, 2, 3, 4});
  });
}

TEST_CASE_TEMPLATE("queue: putters are let in in order, and a newcomer overtakes nobody", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<int> q(1);
    q.put(0);
    std::vector<weft::task<>> tasks;
    for (int i = 1; i <= 3; ++i) tasks.push_back(spawn([&, i] { q.put(i); }));
    weft::yield();
    CHECK(q.get() == 0);
    CHECK_FALSE(q.try_put(9));  // the room was given to the first
    auto late = spawn([&] { q.put(4); });
    for (int i = 1; i <= 4; ++i) CHECK(q.get() == i);
    for (auto& t : tasks) t.get();
    late.get();
  });
}

TEST_CASE_TEMPLATE("sem 47: put and get neither park nor run who waited", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<int> q(1);
    bool has_run = false;
    auto gets = spawn([&] {
      q.get();
      has_run = true;
    });
    weft::yield();
    q.put(1);
    q.put(2);
    CHECK_FALSE(has_run);
    gets.get();
    bool has_put = false;
    auto puts = spawn([&] {
      q.put(3);
      has_put = true;
    });
    weft::yield();
    CHECK(q.get() == 2);
    CHECK_FALSE(has_put);
    puts.get();
  });
}

TEST_CASE_TEMPLATE(
    "sem 48: what need not wait does not throw in a cancelled scope; it costs budget", Kind,
    any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<int> q(1);
    weft::cancel_scope scope;
    int done = 0;
    weft::with_scope(scope, [&] {
      scope.cancel();
      q.put(1);
      ++done;
      q.get();
      ++done;
      q.get();  // this one would wait
      ++done;
    });
    CHECK(done == 2);
    int other_ran = 0;
    auto other = spawn([&] {
      for (;;) {
        ++other_ran;
        weft::yield();
      }
    });
    weft::yield();
    const int before = other_ran;
    for (int i = 0; i < 100; ++i) {
      q.put(i);
      q.get();
    }
    CHECK(other_ran > before);
    other.cancel();
  });
}

TEST_CASE_TEMPLATE("queue: put_until and get_until give up at their deadline, not sooner", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<std::unique_ptr<int>> q(1);
    const auto start = weft::now();
    CHECK_FALSE(q.get_until(start + 1s));
    CHECK(weft::now() == start + 1s);
    CHECK_FALSE(q.get_until(weft::time_point::min()));
    CHECK(q.put_until(std::make_unique<int>(1), weft::time_point::min()));
    auto kept = std::make_unique<int>(2);
    CHECK_FALSE(q.put_until(std::move(kept), start + 2s));
    CHECK(weft::now() == start + 2s);
    REQUIRE(kept != nullptr);
    CHECK(*kept == 2);
    auto late = spawn([&] { CHECK(q.put_until(std::move(kept), weft::time_point::max())); });
    await_sleep(1s);
    CHECK(**q.get_until(weft::time_point::min()) == 1);
    CHECK(**q.get_until(start + 9s) == 2);
    late.get();
  });
}

TEST_CASE_TEMPLATE("sem 69: a move that throws leaves the queue as it was", Kind, any_thread,
                   one_loop) {
  on_virtual_time fixture;
  fixture.run([] {
    typename Kind::template queue<unruly> q(2);
    q.put(unruly(1));
    q.put(unruly(2));
    unruly::fails = true;
    CHECK_THROWS_AS(q.get(), std::runtime_error);
    CHECK_THROWS_AS(q.try_get(), std::runtime_error);
    CHECK_THROWS_AS(q.get_until(weft::time_point::min()), std::runtime_error);
    CHECK(q.size() == 2);
    unruly::fails = false;
    CHECK(q.get().number == 1);
    CHECK(q.get().number == 2);
    unruly value(3);
    unruly::fails = true;
    CHECK_THROWS_AS(q.put(std::move(value)), std::runtime_error);
    CHECK(q.empty());
    unruly::fails = false;
    q.task_done();
    q.task_done();
    q.join();
  });
}

TEST_CASE_TEMPLATE("sem 69: a value that its getter could not move goes to the next getter", Kind,
                   any_thread, one_loop) {
  on_virtual_time fixture;
  fixture.run([] {
    typename Kind::template queue<unruly> q;
    auto first = spawn([&] {
      CHECK_THROWS_AS(q.get(), std::runtime_error);
      unruly::fails = false;
    });
    auto second = spawn([&] { CHECK(q.get().number == 1); });
    weft::yield();
    q.put(unruly(1));
    unruly::fails = true;
    first.get();
    second.get();
  });
}

TEST_CASE_TEMPLATE("queue: values may wait while they are moved, for nobody holds a lock then",
                   Kind, any_thread, one_loop) {
  on_virtual_time fixture;
  fixture.run([] {
    typename Kind::template queue<unruly> q(1);
    unruly::parks = true;
    std::vector<weft::task<>> tasks;
    int sum = 0;
    for (int i = 1; i <= 4; ++i) {
      tasks.push_back(spawn([&, i] { q.put(unruly(i)); }));
      tasks.push_back(spawn([&] { sum += q.get().number; }));
    }
    for (auto& t : tasks) t.get();
    unruly::parks = false;
    CHECK(sum == 10);
  });
}
