// SPDX-License-Identifier: BSL-1.0
// The end of a loop: everything that is left is cancelled, unwound and awaited; nothing leaks, and
// the next loop knows nothing of it.
#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::counted;
using weft_tests::no_leaks;

namespace {

// Leaves a detached fiber behind in each state that a fiber can be in.
void leave_fibers_behind(weft::task<>& outlived, weft::promise<void>& never) {
  weft::spawn([c = counted()] { weft::await_sleep(weft::duration::max()); }).detach();
  weft::spawn([c = counted()] { weft::await_sleep(1h); }).detach();
  weft::spawn([c = counted()] {
    for (;;) weft::yield();
  }).detach();
  weft::spawn([c = counted(), waits = never.get_future()]() mutable { waits.get(); }).detach();
  outlived = weft::spawn([c = counted()] { weft::await_sleep(2h); });
  weft::spawn([c = counted(), &outlived] { outlived.join(); }).detach();
  weft::spawn([c = counted()] {
    try {
      throw counted();
    } catch (const counted&) {
      weft::await_sleep(3h);
    }
  }).detach();
  weft::yield();
  weft::spawn([c = counted()] {}).detach();  // never gets to run before main ends
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 25: parked fibers and pending timers are cancelled and unwound") {
  for (int round = 0; round < 3; ++round) {
    weft::promise<void> never;
    weft::task<> outlived;
    run([&] { leave_fibers_behind(outlived, never); });
    CHECK(counted::alive() == 0);
    CHECK(outlived.done());
    CHECK(outlived.was_cancelled());
  }
}

TEST_CASE_FIXTURE(no_leaks, "sem 75: main's exception comes after the leftovers have ended") {
  std::string seen;
  try {
    run([&] {
      weft::spawn([&] {
        struct slow {
          std::string& seen;
          ~slow() {
            weft::await_sleep(1ms);
            seen += "leftover ";
          }
        } here{seen};
        weft::await_sleep(weft::duration::max());
      }).detach();
      weft::yield();
      throw std::runtime_error("main");
    });
  } catch (const std::runtime_error& error) {
    seen += error.what();
  }
  CHECK(seen == "leftover main");
}

TEST_CASE_FIXTURE(no_leaks, "runner: leftovers stay parked between runs, and close() ends them") {
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  how.stacks = &stacks;
  weft::runner one(how);
  int steps = 0;
  auto task = one.run([&] {
    return weft::spawn([&, c = counted()] {
      for (;;) {
        ++steps;
        weft::await_sleep(1s);
      }
    });
  });
  CHECK(steps == 0);
  one.run([] { weft::await_sleep(10s); });
  const int after_first = steps;
  CHECK(after_first >= 10);
  CHECK_FALSE(task.done());
  one.run([] { weft::await_sleep(10s); });
  CHECK(steps >= after_first + 10);
  one.close();
  CHECK(task.was_cancelled());
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "a random crowd in the midst of everything is unwound exactly") {
  const weft_tests::capture_reports quiet;  // some are dropped before they run, and it is said
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    weft::options how;
    how.seed = seed;
    run(how, [&] {
      std::minstd_rand random(seed);
      for (int i = 0; i < 200; ++i) {
        const auto turns = random() % 20;
        const auto depth = random() % 3;
        weft::spawn([turns, depth, c = counted()] {
          const counted on_stack;
          for (unsigned t = 0; t < turns; ++t) weft::yield();
          auto child = weft::spawn([c = counted()] { weft::await_sleep(weft::duration::max()); });
          if (depth == 0) return;
          auto second = weft::spawn([&] { child.join(); });
          if (depth == 1) weft::await_sleep(1h);
          second.join();
        }).detach();
      }
      for (auto n = random() % 15; n > 0; --n) weft::yield();
    });
    CHECK(counted::alive() == 0);
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 36: a leftover that fails while it is cancelled is reported, once") {
  const weft_tests::capture_reports reports;
  run([] {
    weft::spawn({"breaker"}, [] {
      try {
        weft::await_sleep(weft::duration::max());
      } catch (const weft::cancelled&) {
        throw std::runtime_error("broke while leaving");
      }
    }).detach();
    weft::yield();
  });
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("weft: fiber 2 'breaker' (spawned at close_test.cpp:") == 0);
  CHECK(reports.texts()[0].find("std::runtime_error: broke while leaving") != std::string::npos);
}
