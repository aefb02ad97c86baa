// SPDX-License-Identifier: BSL-1.0
// gather: the ports of gather.py.
#include <functional>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/gather.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::gather;
using weft::gather_settled;
using weft::spawn;
using weft::task;
using weft::with_timeout;

PAIR("gather keeps argument order") { say(gather(value(1, 3), value(2, 1), value(3, 2))); }

PAIR("gather starts left to right") {
  const auto one = [](const char* name) {
    return [name] {
      say(name, "starts");
      await_sleep(1 * unit);
      say(name, "ends");
    };
  };
  gather(one("a"), one("b"), one("c"));
}

PAIR("gather of nothing is empty") { say(gather(std::vector<task<int>>())); }

PAIR("gather takes tasks and coroutines together") {
  auto t = spawn(value(1, 1));
  say(gather(t, value(2)));
  say(t.done());
}

PAIR("gather of tasks that have ended returns their results") {
  auto a = spawn(value(1));
  auto b = spawn(value(2));
  await_sleep(1 * unit);
  const auto start = weft::now();
  say(gather(a, b));
  say(since(start));
}

PAIR("gather awaits a task that is given twice once") {
  int runs = 0;
  auto t = spawn([&] {
    ++runs;
    await_sleep(1 * unit);
    return 7;
  });
  say(gather(t, t));
  say(runs);
}

PAIR("gather nests") {
  const auto [inner, last] = gather([] { return gather(value(1, 2), value(2, 1)); }, value(3, 1));
  say(inner, last);
}

PAIR("gather takes as long as its slowest") {
  const auto start = weft::now();
  gather(value(1, 3), value(2, 5), value(3, 4));
  say(since(start));
}

PAIR("gather rethrows the first error in time") {
  say(attempt([] { return gather(fail("late", 2), fail("soon", 1)); }));
}

PAIR_THAT_DIFFERS("sem 38", "gather leaves the others running when one fails",
                  "+ other cancelled\n"
                  "  error boom\n"
                  "  1\n"
                  "- other slept\n") {
  const auto start = weft::now();
  say(attempt([] { return gather(sleeper("other", 3), fail("boom", 1)); }));
  say(since(start));
  await_sleep(5 * unit);
}

PAIR("an error in a nested gather reaches the outer one") {
  say(attempt([] { return gather([] { return gather(value(1), fail("boom", 1)); }, value(2)); }));
}

PAIR("gather with return_exceptions puts errors in their places") {
  say(gather_settled(value(1, 1), fail("boom"), value(3)));
}

PAIR("gather with return_exceptions waits for all though one failed") {
  const auto start = weft::now();
  gather_settled(sleeper("slow", 4), fail("boom", 1));
  say(since(start));
}

PAIR("gather with return_exceptions keeps a cancelled child in its place") {
  auto t = spawn(value(1, 9));
  later(1, [&] { t.cancel(); });
  say(gather_settled(t, value(2, 2)));
  await_sleep(1 * unit);
  say("not cancelled itself");
}

PAIR("gather of a child that somebody cancelled raises, the caller goes on") {
  auto t = spawn(value(1, 9));
  later(1, [&] { t.cancel(); });
  say(attempt([&] { return gather(t, value(2, 3)); }));
  await_sleep(1 * unit);
  say("not cancelled itself");
}

PAIR("a cancelled gather cancels its children") {
  auto t = spawn([] { gather(sleeper("a"), sleeper("b")); });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(t.was_cancelled());
}

PAIR("a cancelled gather with return_exceptions is cancelled all the same") {
  auto t = spawn([] { say(gather_settled(sleeper("a"), sleeper("b"))); });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(t.was_cancelled());
}

PAIR("a timeout around gather cancels its children") {
  const auto start = weft::now();
  say(attempt([] { with_timeout(2 * unit, [] { gather(sleeper("a"), sleeper("b")); }); }));
  say(since(start));
}
