// SPDX-License-Identifier: BSL-1.0
// options::tree_on_sigquit: Ctrl-\ prints the tree of every loop that asked for it.
#include <csignal>
#include <cstdlib>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "weft/weft.hpp"

using weft_tests::child;
using weft_tests::run_child;

namespace {

void tell(const char* text) { std::fprintf(stderr, "%s\n", text); }

bool is_default() {
  struct sigaction present {};
  sigaction(SIGQUIT, nullptr, &present);
  return present.sa_handler == SIG_DFL;
}

weft::options with_tree() {
  weft::options how;
  how.tree_on_sigquit = true;
  return how;
}

}  // namespace

TEST_CASE("sigquit: a loop that sleeps in the kernel prints its tree, and goes on") {
  child one([] {
    weft::run(with_tree(), [] {
      auto sleeper = weft::spawn({"sleeper"}, [] { weft::await_sleep(std::chrono::hours(1)); });
      weft::yield();
      tell("ready");
      sleeper.join();
    });
    return 0;
  });
  REQUIRE(one.wait_for("ready"));
  for (int i = 0; i < 2; ++i) {
    kill(one.id(), SIGQUIT);
    CHECK(one.wait_for("  fiber 2 'sleeper': parked in sleep, for "));
  }
  kill(one.id(), SIGINT);
  CHECK(one.finish().signal == SIGINT);
}

TEST_CASE("sigquit: a loop that never sleeps prints at its next look") {
  child one([] {
    weft::run(with_tree(), [] {
      tell("ready");
      for (;;) weft::yield();
    });
    return 0;
  });
  REQUIRE(one.wait_for("ready"));
  kill(one.id(), SIGQUIT);
  CHECK(one.wait_for("weft: 1 fiber"));
}

TEST_CASE("sigquit: the environment asks for all loops, each thread prints its own") {
  child one([] {
    setenv("WEFT_TREE_ON_SIGQUIT", "1", 1);
    std::thread other([] {
      weft::options how;
      how.name = "other";
      weft::run(how, [] { weft::await_sleep(std::chrono::hours(1)); });
    });
    weft::run([] {
      weft::await_sleep(std::chrono::milliseconds(20));  // real: the other one must be asleep
      tell("ready");
      weft::await_sleep(std::chrono::hours(1));
    });
    other.join();
    return 0;
  });
  REQUIRE(one.wait_for("ready"));
  kill(one.id(), SIGQUIT);
  CHECK(one.wait_for("fiber 1 'main': parked in sleep"));
  CHECK(one.wait_for("fiber 1 'other': parked in sleep"));
}

TEST_CASE("sigquit: nobody asked: it ends the program; afterwards it does so again") {
  CHECK(run_child([] {
          weft::run([] { std::raise(SIGQUIT); });
          return 0;
        }).signal == SIGQUIT);
  CHECK(run_child([] {
          bool was_default = true;
          weft::run(with_tree(), [&] { was_default = is_default(); });
          return !was_default && is_default() ? 7 : 1;
        }).status == 7);
}

TEST_CASE("sigquit: a program's own handler stays") {
  const auto end = run_child([] {
    static volatile std::sig_atomic_t seen = 0;
    std::signal(SIGQUIT, [](int) { seen = 1; });
    weft::run(with_tree(), [] {
      std::raise(SIGQUIT);
      weft::yield();
    });
    return seen == 1 && !is_default() ? 7 : 1;
  });
  CHECK(end.status == 7);
  CHECK_FALSE(end.says("fiber"));
}

TEST_CASE("sigquit: loops that come and go while signals arrive") {
  const auto end = run_child([] {
    weft::run(with_tree(), [] {  // keeps the handler
      for (int i = 0; i < 200; ++i) {
        std::thread other([] { weft::run(with_tree(), [] { std::raise(SIGQUIT); }); });
        kill(getpid(), SIGQUIT);
        other.join();
      }
    });
    return 7;
  });
  CHECK(end.status == 7);
}
