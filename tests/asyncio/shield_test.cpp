// SPDX-License-Identifier: BSL-1.0
// shield: the ports of shield.py. Waiting for a task never cancels it, so get() is a shield
// already; shielded() protects a piece of the waiting task itself.
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::gather;
using weft::shielded;
using weft::spawn;
using weft::task;
using weft::with_timeout;

PAIR("shield gives result and error") {
  auto good = spawn(value(1, 1));
  auto bad = spawn(fail("boom", 1));
  const auto first = attempt([&] { return good.get(); });
  say(first, attempt([&] { return bad.get(); }));
}

PAIR("shield: a cancelled waiter leaves at once, the task goes on") {
  auto t = spawn(sleeper("task", 3));
  auto w = spawn([&] { t.get(); });
  await_sleep(1 * unit);
  const auto start = weft::now();
  w.cancel();
  say(attempt([&] { w.get(); }));
  say(since(start));
  t.get();
}

PAIR("shield: the task itself can be cancelled") {
  auto t = spawn(sleeper("task", 3));
  auto w = spawn([&] {
    say("waiter:", attempt([&] { t.get(); }));
    await_sleep(1 * unit);
    say("waiter goes on");
  });
  await_sleep(1 * unit);
  t.cancel();
  w.get();
}

PAIR("shield inside a timeout: time is up, the task goes on") {
  auto t = spawn(value(8, 3));
  say(attempt([&] { return with_timeout(1 * unit, [&] { return t.get(); }); }));
  say(t.done());
  say(t.get());
}

PAIR("shield inside gather protects one of its children") {
  auto kept = spawn(sleeper("kept", 3));
  auto t = spawn([&] { gather([&] { kept.get(); }, sleeper("child")); });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  kept.get();
}

PAIR("shield: a section that must not be cut short ends before the cancel comes") {
  auto t = spawn([] {
    shielded([] {
      await_sleep(2 * unit);
      say("section ends");
    });
    weft::checkpoint();
    say("never");
  });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
}

PAIR("shield: an error that comes after the waiter has left is reported") {
  std::vector<task<int>> kept;
  const reports reported;
  auto w = spawn([&] {
    kept.push_back(spawn(fail("too late", 2)));
    kept.back().get();
  });
  await_sleep(1 * unit);
  w.cancel();
  say(attempt([&] { w.get(); }));
  await_sleep(2 * unit);
  kept.clear();
  say("reported:", reported.count("too late"));
}
