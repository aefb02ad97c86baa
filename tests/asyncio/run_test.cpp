// SPDX-License-Identifier: BSL-1.0
// run and Runner: the ports of run.py.
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "asyncio/pair.hpp"
#include "support/child.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::cancelled;
using weft::shielded;
using weft::spawn;
using weft::task;

PLAIN_PAIR("run returns what main returns") {
  say(weft::run(value(42)));
  say(weft::run(pair.how(), value(43, 1)));
}

PLAIN_PAIR("run rethrows main's error") {
  say(attempt([&] { return weft::run(pair.how(), fail("boom", 1)); }));
}

PLAIN_PAIR("run lets a cancellation of main pass") {
  say(attempt([&] { weft::run(pair.how(), [] { throw cancelled(); }); }));
}

PLAIN_PAIR("run cancels what main leaves behind, and waits for it") {
  weft::run(pair.how(), [] {
    spawn([] {
      try {
        await_sleep(1000 * unit);
      } catch (const cancelled&) {
        shielded([] { await_sleep(1 * unit); });
        say("cleaned");
        throw;
      }
    }).detach();
    await_sleep(1 * unit);
    say("main ends");
  });
  say("after");
}

PLAIN_PAIR("run cancels what main leaves behind when it fails, too") {
  say(attempt([&] {
    weft::run(pair.how(), [] {
      spawn(sleeper("left")).detach();
      await_sleep(1 * unit);
      throw failure("main");
    });
  }));
}

PLAIN_PAIR("run reports the error of a task that it cancels at the end") {
  const reports reported;
  weft::run(pair.how(), [] {
    spawn([] {
      try {
        await_sleep(1000 * unit);
      } catch (const cancelled&) {
        throw std::invalid_argument("in cleanup");
      }
    }).detach();
    await_sleep(1 * unit);
  });
  say(reported.count("in cleanup"));
}

PLAIN_PAIR("run inside run is misuse") {
  weft::run(pair.how(), [] {
    say(attempt([] { return weft::run(value(1)); }));
    await_sleep(1 * unit);
    say("goes on");
  });
}

PLAIN_PAIR("runs may follow each other") {
  for (int i = 0; i < 3; ++i) say(weft::run(pair.how(), value(i, 1)));
}

PLAIN_PAIR("a runner runs several, one after the other") {
  weft::runner runner(pair.how());
  say(runner.run(value(1, 1)));
  say(attempt([&] { return runner.run(fail("boom")); }));
  say(runner.run(value(2)));
}

PLAIN_PAIR("a runner keeps its tasks from run to run") {
  task<int> t;
  weft::runner runner(pair.how());
  runner.run([&] {
    t = spawn(value(7, 3));
    await_sleep(1 * unit);
    say(t.done());
  });
  say("between");
  runner.run([&] { say(t.get()); });
}

PLAIN_PAIR("a runner cancels what is left when it is closed") {
  weft::runner runner(pair.how());
  runner.run([] {
    spawn(sleeper("left")).detach();
    await_sleep(1 * unit);
  });
  say("run is over");
  runner.close();
  say("closed");
}

PLAIN_PAIR("a runner that is closed runs nothing, and closes once more") {
  weft::runner runner(pair.how());
  say(runner.run(value(1)));
  runner.close();
  say(attempt([&] { return runner.run(value(2)); }) != "2");
  runner.close();
}

PLAIN_PAIR("a runner inside its own run is misuse") {
  weft::runner runner(pair.how());
  runner.run([&] { say(attempt([&] { return runner.run(value(1)); })); });
}

// In a child, whose SIGINT is at its default, and in real time: the sleep must not be over first.
PLAIN_PAIR("the first interrupt cancels main") {
  const child_end end = run_child([] {
    weft::runner runner;
    try {
      runner.run([] {
        std::raise(SIGINT);
        sleeper("main")();
      });
    } catch (const cancelled&) {
      if (runner.was_interrupted()) say("interrupted");
    }
    say(runner.run(value(3)));
    runner.close();
    for (const std::string& line : transcript()) std::fprintf(stderr, "%s\n", line.c_str());
    return 0;
  });
  transcript() = split_lines(end.output);
}
