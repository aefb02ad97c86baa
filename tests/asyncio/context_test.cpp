// SPDX-License-Identifier: BSL-1.0
// Values of which each task has its own (contextvars): the ports of context.py.
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/fiber_local.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::fiber_local;
using weft::spawn;

namespace {

const fiber_local<int> number(0);
const fiber_local<std::string> name;

}  // namespace

PAIR("a task sees what its creator had set before") {
  number.set(1);
  auto t = spawn([] { say(*number); });
  number.set(2);
  t.get();
  say(*number);
}

PAIR("what a task sets its creator does not see") {
  auto t = spawn([] {
    number.set(5);
    await_sleep(1 * unit);
    say(*number);
  });
  weft::yield();
  say(*number);
  t.get();
  say(*number);
}

PAIR("tasks that interleave keep their own values") {
  std::vector<weft::task<>> tasks;
  for (int i = 0; i < 3; ++i) {
    tasks.push_back(spawn([i] {
      number.set(i);
      for (int k = 0; k < 3; ++k) {
        await_sleep(1 * unit);
        say(i, *number);
        number.set(*number + 10);
      }
    }));
  }
  weft::gather(tasks);
}

PAIR("a grandchild inherits from the child") {
  const auto leaf = [] { say(*number, name.find() != nullptr ? *name : "nobody"); };
  number.set(1);
  spawn([&] {
    name.set("child");
    spawn(leaf).get();
  }).get();
  spawn(leaf).get();
}

PAIR("a variable without value and default is an error") {
  const auto body = [] {
    try {
      say(*name);
    } catch (const std::logic_error&) {
      say("nothing");
    }
  };
  body();
  name.set("a");
  body();
}

PAIR("a token restores what was before") {
  {
    const fiber_local<int>::scope outer(number, 1);
    {
      const fiber_local<int>::scope inner(number, 2);
      say(*number);
    }
    say(*number);
  }
  say(*number);
}

PAIR("a callback has the context of who attached it") {
  auto t = spawn([] {
    number.set(5);
    await_sleep(1 * unit);
  });
  number.set(3);
  t.on_done([] { say(*number); });
  number.set(4);
  t.get();
  await_sleep(1 * unit);
}
