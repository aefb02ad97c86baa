// SPDX-License-Identifier: BSL-1.0
// The end of what is in a queue: task_done and join, shutdown, and destruction.
#include "weft/queue.hpp"

#include <chrono>
#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "sync/kinds.hpp"
#include "sync/queue_kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/errors.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;

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
