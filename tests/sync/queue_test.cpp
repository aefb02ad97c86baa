// SPDX-License-Identifier: BSL-1.0
// Queues between the fibers of one loop: order, room, the count of what is to be done, shutdown,
// values that throw or park when they are moved.
#include "weft/queue.hpp"

#include <chrono>
#include <csignal>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "sync/kinds.hpp"
#include "sync/queue_kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/run.hpp"
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

TEST_CASE_TEMPLATE("sem 60: join waits for task_done, not for emptiness; one too many throws", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<int> q;
    q.join();  // nothing was put
    q.put(1);
    q.put(2);
    bool has_joined = false;
    auto joins = spawn([&] {
      q.join();
      has_joined = true;
    });
    q.get();
    q.get();
    q.task_done();
    await_sleep(1s);
    CHECK(q.empty());
    CHECK_FALSE(has_joined);
    q.task_done();
    joins.get();
    CHECK(has_joined);
    CHECK(has(text_of_error([&] { q.task_done(); }), "queue::task_done() was called more often"));
    q.put(3);  // counts from here again
    auto again = spawn([&] { q.join(); });
    weft::yield();
    CHECK_FALSE(again.done());
    q.task_done();
    again.get();
  });
}

TEST_CASE_TEMPLATE("sem 61: after shutdown put throws at once, also one that waits; get drains",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<std::unique_ptr<int>> q(1);
    q.put(std::make_unique<int>(1));
    auto waits = std::make_unique<int>(2);
    auto puts = spawn([&] { CHECK_THROWS_AS(q.put(std::move(waits)), weft::closed_error); });
    auto joins = spawn([&] { q.join(); });
    weft::yield();
    q.shutdown();
    puts.get();
    CHECK(waits != nullptr);  // the value is the caller's still
    CHECK_THROWS_AS(q.put(std::make_unique<int>(3)), weft::closed_error);
    CHECK_THROWS_AS((void)q.try_put(std::move(waits)), weft::closed_error);
    CHECK(waits != nullptr);
    CHECK(*q.get() == 1);
    CHECK(has(text_of_error([&] { q.get(); }), "weft: queue::get(): the queue has been shut down"));
    CHECK_THROWS_AS(q.try_get(), weft::closed_error);
    CHECK_THROWS_AS(q.get_until(weft::now() + 1h), weft::closed_error);
    CHECK_FALSE(joins.done());
    q.task_done();
    joins.get();
    q.shutdown();  // again: nothing new
  });
}

TEST_CASE_TEMPLATE("sem 61: shutdown wakes who waits in get with the error", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template queue<int> q;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&] { CHECK_THROWS_AS(q.get(), weft::closed_error); }));
    }
    weft::yield();
    q.shutdown();
    for (auto& t : tasks) t.get();
  });
}

TEST_CASE_TEMPLATE("sem 61: shutdown(immediate) drops the values and releases join", Kind,
                   any_thread, one_loop) {
  on_virtual_time fixture;
  fixture.run([] {
    typename Kind::template queue<counted> q;
    for (int i = 0; i < 3; ++i) q.put(counted());
    const long before = counted::alive();
    q.get();
    CHECK(counted::alive() == before - 1);
    auto joins = spawn([&] { q.join(); });
    weft::yield();
    q.shutdown(true);
    CHECK(counted::alive() == before - 3);
    CHECK(q.empty());
    CHECK_THROWS_AS(q.get(), weft::closed_error);
    weft::yield();
    CHECK_FALSE(joins.done());  // what somebody took is still to be done
    q.task_done();
    joins.get();
    CHECK_THROWS_AS(q.task_done(), std::logic_error);
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

TEST_CASE_TEMPLATE("queue: what is left in it is destroyed with it", Kind, any_thread, one_loop) {
  on_virtual_time fixture;
  fixture.run([] {
    typename Kind::template queue<counted> q;
    typename Kind::template lifo_queue<counted> l;
    for (int i = 0; i < 3; ++i) {
      q.put(counted());
      l.put(counted());
    }
  });
}

TEST_CASE("sem 97: a get that nobody can serve is named in the graph of waits") {
  const std::string text = text_of_error([] {
    weft::run([] {
      weft::local::queue<int> q;
      q.get();
    });
  });
  CHECK(has(text, "queue get"));
}

TEST_CASE("queue: to destroy one that others wait for ends the program") {
  const auto end = run_child([] {
    weft::run([] {
      auto q = std::make_unique<weft::queue<int>>();
      auto waits = spawn([&] { q->get(); });
      weft::yield();
      q.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on the queue any more"));
}
