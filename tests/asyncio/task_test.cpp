// SPDX-License-Identifier: BSL-1.0
// Tasks, their names and ends, callbacks, errors that nobody takes: the ports of task.py.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/debug.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/wait.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::gather;
using weft::spawn;
using weft::task;

PAIR("create_task starts nothing before the next wait") {
  auto t = spawn([] { say("child"); });
  say("created");
  t.get();
}

PAIR("tasks start in the order of their creation") {
  std::vector<task<>> tasks;
  for (int i = 0; i < 5; ++i) tasks.push_back(spawn([i] { say(i); }));
  gather(tasks);
}

PAIR("a task gives its result to who awaits it") {
  auto t = spawn(value(42, 1));
  say(t.get());
}

PAIR("a task gives its error to who awaits it") {
  auto t = spawn(fail("boom", 1));
  say(attempt([&] { return t.get(); }));
}

PAIR("a task that has ended gives its result without a wait") {
  auto t = spawn(value(42));
  say(t.done());
  await_sleep(1 * unit);
  say(t.done());
  say(t.get());
}

PAIR("a task that has ended tells its error") {
  auto good = spawn(value(42));
  auto bad = spawn(fail("boom"));
  await_sleep(1 * unit);
  say(good.exception());
  say(bad.exception());
}

PAIR("a task has the name that it was given") {
  auto t = spawn({"reader"}, [] { say(weft::this_fiber::name()); });
  say(t.name());
  t.get();
}

PAIR("a running task renames itself") {
  auto t = spawn({"reader"}, [] {
    weft::this_fiber::set_name("writer");
    await_sleep(2 * unit);
  });
  await_sleep(1 * unit);
  say(t.name());
}

PAIR("current_task is another one in each task") {
  const auto body = [] { return weft::this_fiber::id(); };
  const auto mine = weft::this_fiber::id();
  auto a = spawn(body);
  say(a.get() == a.id());
  say(spawn(body).get() == mine);
}

// dump_fibers() is what lists the fibers of a loop.
static std::string dump() {
  char* text = nullptr;
  std::size_t bytes = 0;
  std::FILE* const memory = open_memstream(&text, &bytes);
  weft::debug::dump_fibers(memory);
  std::fclose(memory);
  const std::string all(text, bytes);
  std::free(text);
  return all;
}

PAIR("all_tasks lists those that have not ended") {
  auto a = spawn({"short"}, sleeper("a", 1));
  auto b = spawn({"long"}, sleeper("b", 3));
  auto c = spawn({"longer"}, sleeper("c", 4));
  await_sleep(2 * unit);
  std::vector<std::string> names;
  for (const std::string name : {"short", "long", "longer"}) {
    if (dump().find("'" + name + "'") != std::string::npos) names.push_back(name);
  }
  say(names);
  gather(a, b, c);
}

PAIR("several may wait for one task") {
  auto t = spawn(value(1, 1));
  const auto waiter = [&](const char* name) {
    return [&t, name] {
      t.join();
      say(name);
    };
  };
  gather(waiter("first"), waiter("second"), waiter("third"));
  say(t.get());
}

PAIR("a task cannot wait for itself") {
  task<> t;
  t = spawn([&] { t.get(); });
  say(attempt([&] { t.get(); }));
}

PAIR("tasks that yield take turns") {
  const auto body = [](const char* name) {
    return [name] {
      for (int i = 0; i < 3; ++i) {
        say(name, i);
        weft::yield();
      }
    };
  };
  gather(body("a"), body("b"), body("c"));
}

PAIR("a task made by a task starts behind those that were ready") {
  task<> made;
  auto a = spawn([&] {
    say("a");
    made = spawn([] { say("child of a"); });
  });
  auto b = spawn([] { say("b"); });
  await_sleep(1 * unit);
  say(a.done() && b.done() && made.done());
}

PAIR("done callbacks run in the order in which they were added") {
  auto t = spawn(value(1));
  t.on_done([] { say("first"); });
  t.on_done([] { say("second"); });
  await_sleep(1 * unit);
  say("after");
}

PAIR("a done callback that is added after the end runs at the next wait") {
  auto t = spawn(value(1));
  t.join();
  t.on_done([] { say("callback"); });
  say("added");
  weft::yield();
  say("after");
}

PAIR("a done callback runs after a cancellation, too") {
  auto t = spawn(sleeper("child"));
  t.on_done([] { say("callback"); });
  await_sleep(1 * unit);
  t.cancel();
  await_sleep(1 * unit);
  say(t.was_cancelled());
}

PAIR("a done callback runs before one who began to wait after it") {
  auto t = spawn(value(1, 1));
  t.on_done([] { say("callback"); });
  say(t.get());
}

PAIR("a done callback that fails is reported and stops nobody") {
  const reports reported;
  auto t = spawn(value(1));
  t.on_done([] { throw std::invalid_argument("in a callback"); });
  t.on_done([] { say("second"); });
  await_sleep(1 * unit);
  say(reported.count("in a callback"), t.get());
}

PAIR("an error that nobody retrieved is reported once") {
  const reports reported;
  {
    auto t = spawn(fail("forgotten"));
    await_sleep(1 * unit);
    say(reported.count("forgotten"));
  }
  say(reported.count("forgotten"));
}

PAIR("an error that was retrieved is not reported") {
  const reports reported;
  {
    auto t = spawn(fail("taken"));
    say(attempt([&] { return t.get(); }));
  }
  say(reported.count("taken"));
}

PAIR("a task that nobody holds runs on") {
  const auto begin = [] {
    auto t = spawn(sleeper("child", 2));
    t.on_done([] { say("its end was seen"); });
    t.detach();
  };
  begin();
  await_sleep(1 * unit);
  say("main goes on");
  await_sleep(2 * unit);
}

PAIR_THAT_DIFFERS("sem 35", "a task whose handle goes out of scope",
                  "  creator returns\n"
                  "+ child cancelled\n"
                  "  back in main\n"
                  "- child slept\n") {
  const auto creator = [] {
    auto t = spawn(sleeper("child", 2));
    await_sleep(1 * unit);
    say("creator returns");
  };
  creator();
  say("back in main");
  await_sleep(5 * unit);
}
