// SPDX-License-Identifier: BSL-1.0
// Queues: the ports of queues.py. What 3.11 has; shutdown() came with 3.13.
#include <cstddef>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/gather.hpp"
#include "weft/queue.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::gather;
using weft::lifo_queue;
using weft::priority_queue;
using weft::queue;
using weft::spawn;
using weft::with_timeout;

namespace {

std::string get_now(queue<int>& q) {
  const auto item = q.try_get();
  return item ? word(*item) : "empty";
}
std::string put_now(queue<int>& q, int item) { return q.try_put(item) ? "put" : "full"; }

std::string done(queue<int>& q) {
  try {
    q.task_done();
    return "done";
  } catch (const std::logic_error&) {
    return "misuse";
  }
}

template <class Queue>
std::vector<int> get_all(Queue& q, int count) {
  std::vector<int> all;
  for (int i = 0; i < count; ++i) all.push_back(q.get());
  return all;
}

}  // namespace

PAIR("a queue gives what came first first") {
  queue<int> q;
  for (int i = 0; i < 5; ++i) q.put(i);
  say(get_all(q, 5));
}

PAIR("a LifoQueue gives what came last first") {
  lifo_queue<int> q;
  for (int i = 0; i < 5; ++i) q.put(i);
  say(get_all(q, 2));
  q.put(9);
  say(get_all(q, 4));
}

PAIR("a PriorityQueue gives the least first") {
  priority_queue<int> q;
  for (const int i : {5, 1, 4, 1, 3, 9}) q.put(i);
  say(get_all(q, 3));
  q.put(2);
  say(get_all(q, 4));
}

PAIR("get waits for a put") {
  queue<int> q;
  const auto start = weft::now();
  auto t = spawn([&] {
    const int got = q.get();
    say("got", got, "after", since(start));
  });
  await_sleep(2 * unit);
  q.put(7);
  say("put");
  t.get();
}

PAIR("put waits for room") {
  queue<int> q(2);
  const auto start = weft::now();
  auto t = spawn([&] {
    for (int i = 0; i < 4; ++i) {
      q.put(i);
      say("put", i, "after", since(start));
    }
  });
  for (int i = 0; i < 2; ++i) {
    await_sleep(1 * unit);
    say("got", q.get());
  }
  t.get();
}

PAIR("get_nowait and put_nowait do not wait") {
  queue<int> q(1);
  say(get_now(q));
  say(put_now(q, 1));
  say(put_now(q, 2));
  say(get_now(q));
  say(get_now(q));
}

PAIR("a queue tells its size") {
  queue<int> q(2);
  say(q.size(), q.empty(), q.full(), q.max_size());
  q.put(1);
  say(q.size(), q.empty(), q.full(), q.max_size());
  q.put(2);
  say(q.size(), q.empty(), q.full(), q.max_size());
  const queue<int> endless;
  say(endless.max_size(), endless.full());
}

PAIR("getters are served in the order in which they came") {
  queue<int> q;
  const auto getter = [&q](const char* name) {
    return spawn([&q, name] {
      const int got = q.get();
      say(name, got);
    });
  };
  auto a = getter("a");
  auto b = getter("b");
  auto c = getter("c");
  await_sleep(1 * unit);
  for (int i = 0; i < 3; ++i) q.put(i);
  gather(std::move(a), std::move(b), std::move(c));
}

PAIR("putters are let in in the order in which they came") {
  queue<int> q(1);
  q.put(0);
  std::vector<weft::task<>> tasks;
  for (const int i : {1, 2, 3}) tasks.push_back(spawn([&q, i] { q.put(i); }));
  await_sleep(1 * unit);
  for (int i = 0; i < 4; ++i) {
    say(q.get());
    await_sleep(1 * unit);
  }
  gather(tasks);
}

PAIR("a getter that gives up leaves the value to others") {
  queue<int> q;
  say(attempt([&] { return with_timeout(1 * unit, [&] { return q.get(); }); }));
  q.put(5);
  say(q.size());
  say(q.get());
}

PAIR("a getter that is cancelled leaves its place to the next") {
  queue<int> q;
  const auto getter = [&q](const char* name) {
    return spawn([&q, name] {
      try {
        const int got = q.get();
        say(name, got);
      } catch (const weft::cancelled&) {
        say(name, "cancelled");
      }
    });
  };
  auto a = getter("a");
  auto b = getter("b");
  await_sleep(1 * unit);
  a.cancel();
  await_sleep(1 * unit);
  q.put(5);
  gather(std::move(a), std::move(b));
}

PAIR("a putter that is cancelled puts nothing") {
  queue<int> q(1);
  q.put(1);
  auto t = spawn([&] { q.put(2); });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(q.get());
  say(get_now(q));
}

PAIR("join waits until all is done, not until the queue is empty") {
  queue<int> q;
  const auto start = weft::now();
  q.join();
  q.put(1);
  q.put(2);
  auto t = spawn([&] {
    q.join();
    say("joined after", since(start));
  });
  await_sleep(1 * unit);
  q.get();
  q.get();
  q.task_done();
  await_sleep(1 * unit);
  say(q.empty(), t.done());
  q.task_done();
  t.get();
}

PAIR("task_done once too often is misuse") {
  queue<int> q;
  say(done(q));
  q.put(1);
  say(done(q));  // nobody has taken it out
  say(done(q));
}

PAIR("workers take from one queue until all is done") {
  queue<int> q;
  for (const int span : {3, 1, 2, 2, 1, 3}) CHECK(q.try_put(span));
  const auto start = weft::now();
  std::vector<weft::task<>> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(spawn([&q] {
      for (;;) {
        await_sleep(q.get() * unit);
        q.task_done();
      }
    }));
  }
  q.join();
  say("joined after", since(start));
  for (auto& t : tasks) t.cancel();
  std::vector<std::string> ends;
  for (auto& t : tasks) ends.push_back(attempt([&] { t.get(); }));
  say(ends);
}
