// SPDX-License-Identifier: BSL-1.0
// Loops inside and beside loops: refused where it cannot work, in words that say what to do
// instead.
#include <stdexcept>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;

TEST_CASE_FIXTURE(no_leaks,
                  "torture 26: run() inside a fiber throws, and says what to do instead") {
  run([] {
    bool ran = false;
    CHECK_THROWS_WITH_AS(
        weft::run([&] { ran = true; }),
        "weft: a runner or weft::run() was started inside a running loop (in fiber 1 'main'): "
        "spawn() a task there, or run the other loop on a thread of its own",
        std::logic_error);
    weft::spawn({"inner"}, [&] {
      CHECK_THROWS_WITH_AS(
          weft::run([&] { ran = true; }),
          "weft: a runner or weft::run() was started inside a running loop (in fiber 2 'inner'): "
          "spawn() a task there, or run the other loop on a thread of its own",
          std::logic_error);
    }).get();
    CHECK_FALSE(ran);
    CHECK(weft::spawn([] { return 3; }).get() == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 26: a runner made before is refused inside another's loop") {
  weft::runner outer;
  weft::runner inner;
  outer.run([&] {
    CHECK_THROWS_WITH_AS(
        inner.run([] {}),
        "weft: runner::run() was called inside a running loop (in fiber 1 'main'): spawn() a task "
        "there, or run the other loop on a thread of its own",
        std::logic_error);
  });
  CHECK(inner.run([] { return 4; }) == 4);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 26: run() on another thread while a fiber waits for it is fine") {
  run([] {
    weft::promise<int> answer;
    auto answered = answer.get_future();
    std::thread other(
        [&] { answer.set_value(weft::run([] { return weft::spawn([] { return 8; }).get(); })); });
    CHECK(answered.get() == 8);
    other.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "run() after run() on one thread: each has a loop of its own") {
  CHECK(run([] { return weft::spawn([] { return 1; }).get(); }) == 1);
  CHECK(run([] { return weft::spawn([] { return 2; }).get(); }) == 2);
  CHECK_FALSE(weft::in_fiber());
}

TEST_CASE("spawn and this_loop outside a loop name themselves and the way out") {
  const std::string hint =
      " needs a running loop, and this thread has none: call it from inside weft::run(), or hand "
      "the work over with loop_ref::post()";
  CHECK_THROWS_WITH_AS(weft::spawn([] {}).join(), ("weft: spawn()" + hint).c_str(),
                       std::logic_error);
  CHECK_THROWS_WITH_AS(weft::this_loop(), ("weft: this_loop()" + hint).c_str(), std::logic_error);
}

TEST_CASE("checkpoint() and yield() on a plain thread do nothing worse than give way") {
  CHECK_FALSE(weft::in_fiber());
  CHECK_NOTHROW(weft::checkpoint());
  CHECK_NOTHROW(weft::yield());
}

TEST_CASE_FIXTURE(no_leaks,
                  "runner: on another thread, after close and from inside it refuses in words") {
  weft::runner one;
  std::string refused;
  std::thread([&] {
    try {
      one.run([] {});
    } catch (const std::logic_error& error) {
      refused = error.what();
    }
  }).join();
  CHECK(refused ==
        "weft: runner::run() was called on another thread than the one that made the runner: a "
        "loop belongs to one thread; use loop_ref::post() to reach it");
  one.run([&] {
    CHECK_THROWS_WITH_AS(one.close(),
                         "weft: runner::close() was called from inside its own loop (in fiber 1 "
                         "'main'): return from main first",
                         std::logic_error);
  });
  one.close();
  one.close();
  CHECK_THROWS_WITH_AS(one.run([] {}), "weft: runner::run() was called after the runner was closed",
                       std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks,
                  "run() inside a handler or a destructor: its fibers start clean, all is back") {
  std::string seen;
  struct runs_on_destruction {
    std::string& seen;
    ~runs_on_destruction() {
      weft::run([&] {
        weft::yield();
        seen += weft::spawn([] {
                  weft::yield();
                  return std::to_string(std::uncaught_exceptions());
                }).get();
      });
      seen += std::to_string(std::uncaught_exceptions());
    }
  };
  try {
    const runs_on_destruction here{seen};
    throw std::runtime_error("outer");
  } catch (const std::runtime_error&) {
    weft::run([&] {
      auto fresh = weft::spawn([&] { seen += std::current_exception() == nullptr ? "n" : "e"; });
      fresh.join();
    });
    try {
      throw;
    } catch (const std::runtime_error& error) {
      seen += error.what();
    }
  }
  CHECK(seen == "01nouter");
}
