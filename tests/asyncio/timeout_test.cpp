// SPDX-License-Identifier: BSL-1.0
// wait_for, timeout, timeout_at: the ports of timeout.py. Where the original asks its Timeout
// object something, the port has a cancel_scope; else with_timeout() is enough.
#include "asyncio/pair.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::cancel_scope;
using weft::cancelled;
using weft::shielded;
using weft::spawn;
using weft::task;
using weft::timeout_error;
using weft::with_scope;
using weft::with_timeout;

PAIR("wait_for in time gives the result") { say(with_timeout(2 * unit, value(4, 1))); }

PAIR("wait_for: when time is up the body is cancelled first") {
  const auto start = weft::now();
  say(attempt([] { with_timeout(2 * unit, sleeper("body")); }));
  say(since(start));
}

PAIR("wait_for waits for the cleanup of what it cancelled") {
  const auto body = [] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      shielded([] { await_sleep(2 * unit); });
      say("cleaned");
      throw;
    }
  };
  const auto start = weft::now();
  say(attempt([&] { with_timeout(1 * unit, body); }));
  say(since(start));
}

PAIR("wait_for lets the body's error pass") {
  say(attempt([] { return with_timeout(2 * unit, fail("boom", 1)); }));
}

PAIR("wait_for: a body that swallows the cancellation keeps its result") {
  const auto body = [] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      return 5;
    }
    return 0;
  };
  const auto start = weft::now();
  say(attempt([&] { return with_timeout(1 * unit, body); }));
  say(since(start));
}

PAIR("wait_for without a limit waits") { say(with_timeout(weft::duration::max(), value(4, 100))); }

PAIR("wait_for of zero does not start the task") {
  // The region owns the task, so its end is the task's.
  say(attempt([] { with_timeout(0 * unit, [t = spawn(sleeper("task"))]() mutable { t.get(); }); }));
  await_sleep(1 * unit);
  say("goes on");
}

PAIR("wait_for of zero takes what is there") {
  auto t = spawn(value(4));
  await_sleep(1 * unit);
  say(attempt([&] { return with_timeout(0 * unit, [&] { return t.get(); }); }));
}

PAIR("a cancelled wait_for cancels its body and is cancelled") {
  auto t = spawn([] {
    say(attempt([] { with_timeout(50 * unit, sleeper("body")); }));
    weft::checkpoint();
  });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
  say(t.was_cancelled());
}

PAIR("timeout: a body in time runs to its end") {
  cancel_scope scope(weft::now() + 2 * unit);
  with_scope(scope, [] {
    await_sleep(1 * unit);
    say("body ends");
  });
  say(scope.expired());
  await_sleep(5 * unit);
  say("and nothing comes later");
}

PAIR("timeout: inside it is a cancellation, outside time is up") {
  cancel_scope scope(weft::now() + 1 * unit);
  const bool in_time = with_scope(scope, [] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      say("inside: cancelled");
      throw;
    }
  });
  if (!in_time) say("outside: time is up");
  say(scope.expired());
}

PAIR("timeout: the task goes on as before") {
  for (int i = 0; i < 2; ++i) {
    say(attempt([] { with_timeout(1 * unit, [] { await_sleep(9 * unit); }); }));
  }
  const auto start = weft::now();
  await_sleep(3 * unit);
  say(since(start));
}

PAIR("timeout: of two nested ones the inner may end alone") {
  cancel_scope outer(weft::now() + 5 * unit);
  with_scope(outer, [] {
    try {
      with_timeout(1 * unit, [] { await_sleep(9 * unit); });
    } catch (const timeout_error&) {
      say("inner");
    }
    await_sleep(1 * unit);
    say("body goes on");
  });
  say(outer.expired());
}

PAIR("timeout: the outer of two nested ones passes the inner by") {
  try {
    with_timeout(1 * unit, [] {
      try {
        with_timeout(5 * unit, [] { await_sleep(9 * unit); });
      } catch (const timeout_error&) {
        say("inner");
      }
    });
  } catch (const timeout_error&) {
    say("outer");
  }
}

PAIR("timeout: of two that are due together only the outer reports") {
  try {
    with_timeout(1 * unit, [] {
      try {
        with_timeout(1 * unit, [] { await_sleep(9 * unit); });
      } catch (const timeout_error&) {
        say("inner");
      }
    });
  } catch (const timeout_error&) {
    say("outer");
  }
}

PAIR("timeout: reschedule gives more time") {
  cancel_scope scope(weft::now() + 2 * unit);
  with_scope(scope, [&] {
    await_sleep(1 * unit);
    scope.set_deadline(weft::now() + 3 * unit);
    await_sleep(2 * unit);
    say("body ends");
  });
  say(scope.expired());
}

PAIR("timeout: reschedule takes time away") {
  const auto start = weft::now();
  cancel_scope scope(weft::now() + 50 * unit);
  const bool in_time = with_scope(scope, [&] {
    scope.set_deadline(weft::now() + 2 * unit);
    await_sleep(9 * unit);
  });
  if (!in_time) say("time is up");
  say(since(start));
  say(scope.expired());
}

PAIR("timeout: reschedule to None takes the limit away") {
  cancel_scope scope(weft::now() + 1 * unit);
  with_scope(scope, [&] {
    scope.set_deadline(weft::time_point::max());
    await_sleep(9 * unit);
    say("body ends");
  });
  say(scope.expired());
}

PAIR("timeout: somebody else may move the limit") {
  const auto start = weft::now();
  cancel_scope scope;
  const bool in_time = with_scope(scope, [&] {
    later(1, [&] { scope.set_deadline(weft::now() + 2 * unit); });
    await_sleep(9 * unit);
  });
  if (!in_time) say("time is up");
  say(since(start));
}

PAIR("timeout tells when it is due") {
  cancel_scope scope(weft::now() + 3 * unit);
  with_scope(scope, [&] {
    say((scope.deadline() - weft::now()) / unit);
    scope.set_deadline(scope.deadline() + 4 * unit);
    say((scope.deadline() - weft::now()) / unit);
  });
}

PAIR("timeout in the past: a body without a wait runs to its end") {
  with_timeout(-5 * unit, [] { say("body ends"); });
  say("no error");
}

PAIR("timeout in the past: the first wait ends it") {
  say(attempt([] {
    with_timeout(-5 * unit, [] {
      say("body begins");
      await_sleep(1 * unit);
      say("never");
    });
  }));
}

PAIR("timeout_at takes a point of the loop's time") {
  const auto start = weft::now();
  cancel_scope scope(start + 2 * unit);
  if (!with_scope(scope, [] { await_sleep(9 * unit); })) say("time is up");
  say(since(start));
}

PAIR("timeout: an error of the body wins") {
  say(attempt([] {
    with_timeout(1 * unit, [] {
      try {
        await_sleep(9 * unit);
      } catch (const cancelled&) {
        throw failure("disk full");
      }
    });
  }));
  await_sleep(1 * unit);
  say("goes on");
}

PAIR("timeout: a body that swallows the cancellation and ends has ended") {
  cancel_scope scope(weft::now() + 1 * unit);
  const bool has_ended = with_scope(scope, [] {
    try {
      await_sleep(9 * unit);
    } catch (const cancelled&) {
      say("swallowed");
    }
  });
  if (has_ended) say("no error");
  say(scope.expired());
  await_sleep(1 * unit);
  say("goes on");
}

PAIR("timeout: a cancel from outside stays one") {
  auto t = spawn([] {
    try {
      with_timeout(50 * unit, [] { await_sleep(9 * unit); });
    } catch (const timeout_error&) {
      say("time is up");
    }
  });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
}

PAIR("timeout: a cancel from outside at the same time wins") {
  const auto when = weft::now() + 2 * unit;
  task<> t;
  spawn([&] {
    weft::await_sleep_until(when);
    t.cancel();
  }).detach();
  await_sleep(0 * unit);
  t = spawn([] {
    try {
      with_timeout(2 * unit, [] { await_sleep(9 * unit); });
    } catch (const timeout_error&) {
      say("time is up");
    }
  });
  say(attempt([&] { t.get(); }));
}

PAIR("timeout: repeated attempts each have their own limit") {
  for (const int span : {5, 3, 1}) {
    say(attempt([span] { return with_timeout(2 * unit, value(span, span)); }));
  }
}
