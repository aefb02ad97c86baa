// SPDX-License-Identifier: BSL-1.0
// sleep: the ports of sleep.py.
#include <functional>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::gather;
using weft::spawn;
using weft::task;

PAIR("sleepers wake in the order of their deadlines") {
  gather(sleeper("a", 3), sleeper("b", 1), sleeper("c", 2));
}

PAIR("equal deadlines wake in the order of their sleeps") {
  gather(sleeper("c", 2), sleeper("a", 2), sleeper("b", 2));
}

PAIR("a sleep in two halves comes behind one that was begun earlier") {
  const auto halves = [] {
    await_sleep(1 * unit);
    await_sleep(1 * unit);
    say("halves");
  };
  gather(halves, sleeper("whole", 2));
}

PAIR("a sleep takes as long as it was asked to") {
  for (const int span : {1, 2, 5}) {
    const auto start = weft::now();
    await_sleep(span * unit);
    say(since(start));
  }
}

PAIR("a sleep of zero lets each of the others run once") {
  const auto other = [](const char* name) {
    return [name] {
      say(name, "once");
      await_sleep(0 * unit);
      say(name, "twice");
    };
  };
  auto a = spawn(other("a"));
  auto b = spawn(other("b"));
  await_sleep(0 * unit);
  say("back");
  gather(a, b);
}

PAIR("a sleep of less than zero is one of zero") {
  const auto start = weft::now();
  auto t = spawn(sleeper("task", 0));
  await_sleep(-3 * unit);
  say("back", since(start));
  t.get();
}

PAIR("a sleeper that is cancelled wakes at once") {
  auto t = spawn(sleeper("task", 100));
  await_sleep(1 * unit);
  const auto start = weft::now();
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(since(start));
}

PAIR("two that sleep at different rhythms interleave") {
  const auto ticker = [](const char* name, int period, int count) {
    return [=] {
      for (int i = 0; i < count; ++i) {
        await_sleep(period * unit);
        say(name, i);
      }
    };
  };
  gather(ticker("third", 3, 2), ticker("half", 2, 4));
}

PAIR("many sleeps go on at the same time") {
  const auto start = weft::now();
  std::vector<std::function<void()>> sleeps;
  for (int i = 0; i < 100; ++i) sleeps.emplace_back([i] { await_sleep(i % 7 * unit); });
  gather(sleeps);
  say(since(start));
}
