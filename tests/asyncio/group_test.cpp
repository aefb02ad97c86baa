// SPDX-License-Identifier: BSL-1.0
// TaskGroup: the ports of group.py.
#include <algorithm>
#include <exception>
#include <functional>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/exception_group.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/task_group.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::cancelled;
using weft::exception_group;
using weft::shielded;
using weft::spawn;
using weft::task_group;
using weft::with_task_group;
using weft::with_timeout;

namespace {

template <class... F>
void group_of(F... children) {
  with_task_group([&](task_group& group) {
    (group.spawn(children), ...);
    weft::yield();
  });
}

template <class E>
auto sore(E error) {
  return [error] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      throw error;
    }
  };
}

std::vector<std::string> sorted_texts(const exception_group& errors) {
  std::vector<std::string> texts;
  for (const auto& error : errors.exceptions()) texts.push_back(told(error));
  std::sort(texts.begin(), texts.end());
  return texts;
}

}  // namespace

PAIR("a group waits for its children") {
  const auto start = weft::now();
  with_task_group([](task_group& group) {
    group.spawn(sleeper("a", 2));
    group.spawn(sleeper("b", 3));
    say("body ends");
  });
  say(since(start));
}

PAIR("a group without children is left at once") {
  const auto start = weft::now();
  with_task_group([](task_group&) { say("body"); });
  say(since(start));
}

PAIR("a group starts its children in order, once the body waits") {
  with_task_group([](task_group& group) {
    group.spawn([] { say("a"); });
    group.spawn([] { say("b"); });
    say("body");
  });
}

PAIR("a child's result can be had after the group") {
  weft::task_ref<int> a;
  weft::task_ref<int> b;
  with_task_group([&](task_group& group) {
    a = group.spawn(value(1, 1));
    b = group.spawn(value(2));
  });
  const int first = a.get();
  say(first, b.get());
}

PAIR("a child's result can be awaited inside the group") {
  with_task_group([](task_group& group) { say(group.spawn(value(1, 1)).get()); });
}

PAIR("a child has the name that it was given") {
  with_task_group(
      [](task_group& group) { group.spawn({"reader"}, [] { say(weft::this_fiber::name()); }); });
}

PAIR("a child that fails cancels its siblings") {
  int cut = 0;
  const auto sibling = [&] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      ++cut;
      throw;
    }
  };
  const auto start = weft::now();
  say(attempt([&] { group_of(sibling, sibling, fail("boom", 1), sibling); }));
  say(cut, since(start));
}

PAIR("a child that fails interrupts the body") {
  say(attempt([] {
    with_task_group([](task_group& group) {
      group.spawn(fail("boom", 1));
      sleeper("body")();
    });
  }));
  await_sleep(1 * unit);
  say("goes on");
}

PAIR("a child that fails before the body waits leaves the body alone until it does") {
  say(attempt([] {
    with_task_group([](task_group& group) {
      group.spawn(fail("boom"));
      say("body goes on");
    });
  }));
}

PAIR("a group waits for the cleanup of the children that it cancels") {
  const auto tidy = [] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      shielded([] { await_sleep(2 * unit); });
      say("cleaned");
      throw;
    }
  };
  const auto start = weft::now();
  say(attempt([&] { group_of(tidy, fail("boom", 1)); }));
  say(since(start));
}

PAIR("a group collects the errors of all children") {
  try {
    group_of(fail("b", 1), sore(failure("c")), sore(failure("a")));
  } catch (const exception_group& errors) {
    say(sorted_texts(errors));
  }
}

PAIR("one error is a group, too") {
  try {
    group_of(fail("only"));
  } catch (const exception_group& group) {
    say("group of", group.size());
  }
}

PAIR("an error of the body cancels the children and leaves in a group") {
  say(attempt([] {
    with_task_group([](task_group& group) {
      group.spawn(sleeper("child"));
      await_sleep(1 * unit);
      throw failure("body");
    });
  }));
}

PAIR("errors of body and children leave together") {
  try {
    with_task_group([](task_group& group) {
      group.spawn(sore(failure("child")));
      await_sleep(1 * unit);
      throw failure("body");
    });
  } catch (const exception_group& errors) {
    say(sorted_texts(errors));
  }
}

PAIR("errors of a kind can be taken out of a group") {
  try {
    group_of(fail("a", 1), sore(weft::timeout_error("late")), sore(failure("b")));
  } catch (const exception_group& errors) {
    const auto [failures, rest] = errors.split<failure>();
    say(std::make_exception_ptr(failures.value()));
    say(std::make_exception_ptr(rest.value()));
  }
}

PAIR("a child that was cancelled is no error") {
  weft::task_ref<> t;
  with_task_group([&](task_group& group) {
    t = group.spawn(sleeper("child"));
    group.spawn(sleeper("sibling", 2));
    await_sleep(1 * unit);
    t.cancel();
  });
  say("no error");
  say(t.was_cancelled());
}

PAIR("a child that cancels itself is no error") {
  weft::task_ref<> t;
  with_task_group([&](task_group& group) {
    t = group.spawn([&] {
      t.cancel();
      await_sleep(1 * unit);
    });
  });
  say(t.was_cancelled());
}

static void child_of_depth(task_group& group, int depth) {
  say("child", depth);
  if (depth < 3) {
    group.spawn([&group, depth] { child_of_depth(group, depth + 1); });
    await_sleep(1 * unit);
  }
}

PAIR("a child may start siblings") {
  with_task_group([](task_group& group) { group.spawn([&] { child_of_depth(group, 1); }); });
  say("all ended");
}

PAIR("an error of a child's child ends the group") {
  say(attempt([] {
    with_task_group([](task_group& group) {
      group.spawn([&] {
        group.spawn(fail("boom", 1));
        sleeper("child")();
      });
    });
  }));
}

PAIR("a group may be nested in another one's body") {
  with_task_group([](task_group& outer) {
    outer.spawn(sleeper("outer", 2));
    with_task_group([](task_group& inner) { inner.spawn(sleeper("inner", 1)); });
    say("inner left");
  });
  say("outer left");
}

PAIR("an error leaves nested groups in a group of a group") {
  say(attempt([] {
    with_task_group([](task_group& outer) {
      outer.spawn(sleeper("outer"));
      with_task_group([](task_group& inner) { inner.spawn(fail("boom", 1)); });
    });
  }));
}

PAIR("an error of the outer group cancels the inner one") {
  say(attempt([] {
    with_task_group([](task_group& outer) {
      outer.spawn(fail("boom", 1));
      with_task_group([](task_group& inner) { inner.spawn(sleeper("inner")); });
      say("never");
    });
  }));
}

PAIR("an error of a group can be handled between two groups") {
  with_task_group([](task_group& outer) {
    outer.spawn(sleeper("outer", 3));
    say(attempt([] { group_of(fail("boom", 1), sleeper("inner")); }));
    await_sleep(1 * unit);
    say("body goes on");
  });
}

PAIR("a cancel from outside ends the children and leaves as a cancellation") {
  auto t = spawn([] { group_of(sleeper("child")); });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(t.was_cancelled());
}

PAIR("a cancel from outside that meets errors leaves as the errors") {
  auto t = spawn([] { group_of(sore(failure("sore")), sleeper("child")); });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(t.was_cancelled());
}

PAIR("a timeout around a group cancels its children") {
  say(attempt([] { with_timeout(1 * unit, [] { group_of(sleeper("child")); }); }));
}

PAIR("a timeout inside a child is the child's error") {
  const auto child = [] { with_timeout(1 * unit, [] { await_sleep(9 * unit); }); };
  say(attempt([&] { group_of(child, sleeper("sibling")); }));
}

PAIR("two groups side by side do not touch each other") {
  say(weft::gather_settled([] { group_of(fail("boom", 1), sleeper("a")); },
                           [] { group_of(sleeper("b", 2)); }));
}

PAIR("a group that was joined takes nothing more") {
  with_task_group([](task_group& group) {
    group.spawn(sleeper("child", 1));
    group.join();
    say(attempt([&] { group.spawn(sleeper("late")); }));
  });
}

PAIR_THAT_DIFFERS("sem 29", "a child that is started when the group is being cancelled",
                  "- refused\n"
                  "+ taken\n"
                  "  group [error boom]\n") {
  say(attempt([] {
    with_task_group([](task_group& group) {
      group.spawn([&] {
        try {
          await_sleep(9 * unit);
        } catch (const cancelled&) {
          group.spawn(sleeper("late"));
          say("taken");
          throw;
        }
      });
      group.spawn(fail("boom", 1));
    });
  }));
}
