// SPDX-License-Identifier: BSL-1.0
// Task.cancel and what it does to whom: the ports of cancel.py.
#include <memory>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/future.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::cancelled;
using weft::shielded;
using weft::spawn;
using weft::task;

namespace {

// Calls back where it is destroyed: Python's `finally`.
template <class F>
struct at_exit {
  F call;
  ~at_exit() { call(); }
};
template <class F>
at_exit(F) -> at_exit<F>;

}  // namespace

PAIR("cancel takes effect at the task's wait, not in the canceller") {
  auto t = spawn(sleeper("child"));
  await_sleep(1 * unit);
  t.cancel();
  say("asked");
  weft::yield();
  weft::yield();
  say("after");
}

PAIR("a task that is cancelled before its start never runs") {
  auto t = spawn(sleeper("child"));
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(t.was_cancelled());
}

PAIR("cancel tells whether there was something to cancel") {
  auto running = spawn(value(1, 1));
  auto ended = spawn(value(2));
  weft::yield();
  ended.join();
  const bool first = running.cancel();
  say(first, ended.cancel());
  say(attempt([&] { return running.get(); }));
  say(ended.get());
}

PAIR("a task that cancels itself runs on to its next wait") {
  task<> t;
  t = spawn([&] {
    t.cancel();
    say("still here");
    await_sleep(1 * unit);
    say("never");
  });
  say(attempt([&] { t.get(); }));
}

PAIR("a task that cancels itself and ends without a wait has its value") {
  task<int> t;
  t = spawn([&] {
    t.cancel();
    try {
      weft::yield();
    } catch (const cancelled&) {
      return 3;
    }
    return 0;
  });
  say(attempt([&] { return t.get(); }));
}

PAIR("a task that catches its cancellation and returns has a value") {
  auto t = spawn([] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      return 7;
    }
    return 0;
  });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { return t.get(); }));
  say(t.was_cancelled());
}

PAIR("a task that turns its cancellation into an error has that error") {
  auto t = spawn([] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      throw failure("instead");
    }
  });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(t.was_cancelled());
}

PAIR("a task is cancelled only once the cancellation has left it") {
  auto t = spawn(sleeper("child"));
  await_sleep(1 * unit);
  t.cancel();
  say(t.was_cancelled(), t.done());
  t.join();
  say(t.was_cancelled(), t.done());
}

static void nested_call(int depth) {
  const at_exit leaves{[&] { say("leaves", depth); }};
  if (depth < 3) {
    nested_call(depth + 1);
  } else {
    await_sleep(9 * unit);
  }
}

PAIR("a cancellation unwinds the calls from the innermost") {
  auto t = spawn([] { nested_call(1); });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
}

PAIR("cleanup after a cancellation may wait") {
  auto t = spawn([] {
    const at_exit cleanup{[] {
      await_sleep(2 * unit);  // while unwinding: nothing is thrown at it
      say("cleaned");
    }};
    await_sleep(9 * unit);
  });
  await_sleep(1 * unit);
  const auto start = weft::now();
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(since(start));
}

PAIR("a cleanup that must go through, in spite of a second cancel") {
  auto t = spawn([] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      shielded([] { await_sleep(3 * unit); });
      say("cleaned");
      throw;
    }
  });
  await_sleep(1 * unit);
  t.cancel();
  await_sleep(1 * unit);
  say(t.cancel());
  say(attempt([&] { t.get(); }));
}

PAIR("who joins a cancelled task waits for its cleanup") {
  auto t = spawn([] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      shielded([] { await_sleep(1 * unit); });  // in a handler it needs the shield
      say("cleaned");
      throw;
    }
  });
  await_sleep(1 * unit);
  t.cancel();
  t.join();
  say("joined");
}

PAIR("a task cancelled twice before it runs is cancelled once") {
  auto t = spawn([] {
    int caught = 0;
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      ++caught;
    }
    return caught;
  });
  await_sleep(1 * unit);
  t.cancel();
  t.cancel();
  say(attempt([&] { return t.get(); }));
}

PAIR("the reason of a cancel reaches the task") {
  auto t = spawn([] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled& error) {
      say("because of", error.reason());
      throw;
    }
  });
  await_sleep(1 * unit);
  t.cancel("shutdown");
  say(attempt([&] { t.get(); }));
}

PAIR("the reason of a cancel reaches who waits for the task") {
  auto t = spawn(sleeper("child"));
  await_sleep(1 * unit);
  t.cancel("shutdown");
  try {
    t.get();
  } catch (const weft::task_cancelled& error) {
    say(std::string(error.what()).find("shutdown") != std::string::npos);
  }
}

PAIR("all who wait for a cancelled task see its end") {
  auto t = spawn(sleeper("child"));
  const auto waiter = [&](const char* name) {
    return spawn([&t, name] { say(name, attempt([&] { t.get(); })); });
  };
  auto first = waiter("first");
  auto second = waiter("second");
  await_sleep(1 * unit);
  t.cancel();
  first.join();
  second.join();
}

PAIR("cancelling one sleeper leaves the other") {
  auto a = spawn(sleeper("a", 2));
  auto b = spawn(sleeper("b", 2));
  await_sleep(1 * unit);
  a.cancel();
  a.join();
  b.join();
  say(a.was_cancelled(), b.was_cancelled());
}

PAIR("a task that is cancelled in a loop of short waits leaves it") {
  auto t = spawn([] {
    int rounds = 0;
    const at_exit leaves{[&] { say("rounds", rounds); }};
    for (;;) {
      await_sleep(1 * unit);
      ++rounds;
    }
  });
  await_sleep(3.5 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
}

PAIR_THAT_DIFFERS("sem 3", "what had completed when the cancel came",
                  "+ got 5\n"
                  "  cancelled\n") {
  weft::promise<int> promise;
  auto future = promise.get_future();
  auto t = spawn([&] {
    say("got", future.get());
    await_sleep(1 * unit);
    say("slept");
  });
  await_sleep(1 * unit);
  promise.set_value(5);
  t.cancel();
  say(attempt([&] { t.get(); }));
}

PAIR_THAT_DIFFERS("sem 7", "a cancelled task that waits again, and is cancelled again",
                  "  cancelled: first\n"
                  "- cancelled: second\n"
                  "- end\n"
                  "+ cancelled: first\n"
                  "+ cancelled\n") {
  auto t = spawn([] {
    for (int i = 0; i < 2; ++i) {
      try {
        await_sleep(2 * unit);
        say("slept");
      } catch (const cancelled& error) {
        say("cancelled:", error.reason());
      }
    }
    await_sleep(2 * unit);
    return "end";
  });
  await_sleep(1 * unit);
  t.cancel("first");
  await_sleep(1 * unit);
  t.cancel("second");
  say(attempt([&] { return t.get(); }));
}

PAIR_THAT_DIFFERS("sem 4", "what a cancelled task is to who waits for it",
                  "  child cancelled\n"
                  "- no ordinary error\n"
                  "+ an ordinary error\n") {
  auto t = spawn(sleeper("child"));
  await_sleep(1 * unit);
  t.cancel();
  try {
    t.get();
  } catch (const std::exception&) {
    say("an ordinary error");
  } catch (...) {
    say("no ordinary error");
  }
}

PAIR_THAT_DIFFERS("sem 19", "cancelling who waits for a task",
                  "- child cancelled\n"
                  "  waiter cancelled: yes\n"
                  "+ child slept\n") {
  auto t = spawn(sleeper("child", 3));
  auto w = spawn([&] { t.get(); });
  await_sleep(1 * unit);
  w.cancel();
  w.join();
  say("waiter cancelled:", w.was_cancelled());
  await_sleep(5 * unit);
}
