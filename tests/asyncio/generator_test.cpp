// SPDX-License-Identifier: BSL-1.0
// generator: the ports of generator.py. Python has two kinds, with and without waits; weft has one.
#include <exception>
#include <string>

#include "asyncio/pair.hpp"
#include "weft/generator.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::generator;
using weft::spawn;
using weft::yielder;

namespace {

// The next value, or nothing.
template <class Y, class Send>
std::string step(generator<Y, Send>& g) {
  return g.next() ? word(g.value()) : "nothing";
}

std::exception_ptr made(const char* text) { return std::make_exception_ptr(failure(text)); }

struct on_exit_say {
  const char* text;
  ~on_exit_say() { say(text); }
};

void hanoi(int n, const std::string& a, const std::string& b, const std::string& c,
           yielder<std::string>& out) {
  if (n == 0) return;
  hanoi(n - 1, a, c, b, out);
  out(a + c);
  hanoi(n - 1, b, a, c, out);
}

}  // namespace

PAIR("a generator runs when it is asked, and no further") {
  generator<int> g([](yielder<int>& out) {
    say("begins");
    out(1);
    say("goes on");
    out(2);
    say("ends");
  });
  say("made");
  for (int i = 0; i < 4; ++i) say(step(g));
}

PAIR("a generator yields from a recursion") {
  generator<std::string> moves([](yielder<std::string>& out) { hanoi(3, "a", "b", "c", out); });
  for (const std::string& move : moves) say(move);
}

PAIR("what is sent is what the yield returns") {
  generator<int, int> g([](yielder<int, int>& out) {
    int total = 0;
    int result = 0;
    for (int count = 1;; ++count) {
      total += out(result);
      result = total / count;
    }
  });
  g.next();
  for (const int value : {10, 20, 60}) {
    g.send(value);
    say(g.value());
  }
}

PAIR("what is thrown in appears at the yield, and the body may go on") {
  generator<int> g([](yielder<int>& out) {
    for (int i = 0;;) {
      try {
        out(i);
        ++i;
      } catch (const failure&) {
        say("body got", std::current_exception());
        i += 100;
      }
    }
  });
  say(step(g));
  g.throw_in(made("skip"));
  say(g.value());
  say(step(g));
}

PAIR("what is thrown in and not caught comes out, and it has ended") {
  generator<int> g([](yielder<int>& out) {
    const on_exit_say cleanup{"cleaned"};
    out(1);
  });
  g.next();
  say(attempt([&] { g.throw_in(made("boom")); }));
  say(step(g));
}

PAIR("what is thrown in before the first step never meets the body") {
  generator<int> g([](yielder<int>&) { say("never"); });
  say(attempt([&] { g.throw_in(made("boom")); }));
  say(step(g));
}

PAIR("an error of the body comes out of the step") {
  generator<int> g([](yielder<int>& out) {
    out(1);
    throw failure("boom");
  });
  say(step(g));
  say(attempt([&] { g.next(); }));
  say(step(g));
}

PAIR("close cleans up, and may be repeated") {
  generator<int> g([](yielder<int>& out) {
    const on_exit_say cleanup{"cleaned"};
    for (;;) out(1);
  });
  g.next();
  g.close();
  g.close();
  say(step(g));
}

PAIR("close of one that never began runs nothing") {
  generator<int> g([](yielder<int>&) { say("never"); });
  g.close();
  say(step(g));
}

PAIR("an error while closing comes out of close") {
  generator<int> g([](yielder<int>& out) {
    try {
      out(1);
    } catch (...) {
      throw failure("in cleanup");
    }
  });
  g.next();
  say(attempt([&] { g.close(); }));
}

PAIR("a generator that waits lets the others run") {
  const auto start = weft::now();
  auto other = spawn(sleeper("other", 3));
  generator<int> g([](yielder<int>& out) {
    for (int i = 0; i < 3; ++i) {
      await_sleep(2 * unit);
      out(i);
    }
  });
  for (const int value : g) say(value, since(start));
  other.join();
}

PAIR("a cancel meets the wait inside the generator, and leaves through it") {
  auto t = spawn([] {
    generator<int> g([](yielder<int>& out) {
      try {
        out(1);
        await_sleep(1000 * unit);
      } catch (const weft::cancelled&) {
        say("body cancelled");
        throw;
      }
    });
    for (const int value : g) say(value);
  });
  await_sleep(1 * unit);
  t.cancel();
  say(attempt([&] { t.get(); }));
}
