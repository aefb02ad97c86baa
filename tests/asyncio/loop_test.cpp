// SPDX-License-Identifier: BSL-1.0
// The loop's callbacks: the ports of loop.py. A callback of weft is a fiber without a handle.
#include <stdexcept>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/future.hpp"
#include "weft/loop_ref.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::await_sleep_until;
using weft::spawn;
using weft::task;

static void say_soon(const char* name) {
  spawn([name] { say(name); }).detach();
}

PAIR("call_soon runs callbacks in their order, once the caller waits") {
  for (const char* name : {"first", "second", "third"}) say_soon(name);
  say("asked");
  weft::yield();
  say("after");
}

PAIR("a callback that a callback adds comes behind those that were there") {
  spawn([] {
    say("first");
    say_soon("added");
  }).detach();
  say_soon("second");
  await_sleep(1 * unit);
}

PAIR("callbacks and tasks take their turns together") {
  auto a = spawn([] { say("task a"); });
  say_soon("callback");
  auto b = spawn([] { say("task b"); });
  a.join();
  b.join();
}

PAIR("call_later goes by time, not by the order of the calls") {
  later(3, [] { say("three"); });
  later(1, [] { say("one"); });
  later(2, [] { say("two"); });
  await_sleep(4 * unit);
}

PAIR("call_later: equal spans keep the order of the calls") {
  for (const char* name : {"first", "second", "third"}) {
    later(1, [name] { say(name); });
  }
  await_sleep(2 * unit);
}

PAIR_THAT_DIFFERS("sem 72", "callbacks for exactly the same time",
                  "  first\n"
                  "- third\n"
                  "  second\n"
                  "+ third\n") {
  const auto when = weft::now() + unit;
  for (const char* name : {"first", "second", "third"}) {
    spawn([name, when] {
      await_sleep_until(when);
      say(name);
    }).detach();
  }
  await_sleep(2 * unit);
}

PAIR("call_at takes a point of the loop's time") {
  const auto start = weft::now();
  spawn([start] {
    await_sleep_until(start + 2 * unit);
    say(since(start));
  }).detach();
  await_sleep(3 * unit);
}

PAIR("call_at of a time that is past runs at the next wait") {
  const auto start = weft::now();
  spawn([start] {
    await_sleep_until(start - 5 * unit);
    say("callback", since(start));
  }).detach();
  say("asked");
  await_sleep(1 * unit);
}

PAIR("a callback that is cancelled in time never runs") {
  auto soon = spawn([] { say("never soon"); });
  auto late = spawn([] {
    await_sleep(2 * unit);
    say("never later");
  });
  soon.cancel();
  await_sleep(1 * unit);
  late.cancel();
  await_sleep(3 * unit);
  say("nothing ran");
}

PAIR("an error in a callback is reported, and the loop goes on") {
  const reports reported;
  spawn([] { throw std::invalid_argument("in a callback"); }).detach();
  say_soon("the next one");
  await_sleep(1 * unit);
  say(reported.count("in a callback"));
}

PAIR("a callback may start a task") {
  std::vector<task<>> tasks;
  spawn([&] {
    tasks.push_back(spawn([] {
      await_sleep(1 * unit);
      say("task");
    }));
  }).detach();
  await_sleep(2 * unit);
  say(tasks[0].done());
}

PAIR("a future that a callback sets wakes who waits for it") {
  weft::promise<int> promise;
  auto future = promise.get_future();
  later(2, [&] { promise.set_value(6); });
  const auto start = weft::now();
  say(future.get());
  say(since(start));
}

PLAIN_PAIR("there is a running loop inside, and none outside") {
  const auto has_loop = [] { return weft::this_loop().valid(); };
  say(attempt(has_loop));
  say(weft::run(pair.how(), has_loop));
  say(attempt(has_loop));
}

PLAIN_PAIR("create_task outside a loop is misuse") {
  say(attempt([] { spawn([] {}).detach(); }));
}

PLAIN_PAIR("a loop that has ended takes nothing more") {
  const weft::loop_ref loop = weft::run(pair.how(), [] { return weft::this_loop(); });
  say(attempt([&] { loop.post([] { say("never"); }); }));
}
