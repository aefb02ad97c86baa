// SPDX-License-Identifier: BSL-1.0
// The watchdog at its default limit, and where time passes that no fiber is to blame for.
#include <chrono>
#include <csignal>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "loop/stalls.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "weft/debug.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::spawn;

// The children end by _exit(), which joins nobody.
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }

TEST_CASE("torture 31: who computes for 100 ms is named 25-50 ms later") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  if (is_sanitized) WEFT_SKIP("the default limit is off under a sanitizer");
  const child_end end = run_child([] {
    static weft::duration held{};
    weft::debug::on_stall([](const weft::debug::stall& one) noexcept {
      held = one.held;
      std::fprintf(stderr, "%.*s\n", static_cast<int>(one.text.size()), one.text.data());
      ++reports;
    });
    weft::run([] { spawn({"hog"}, [] { weft_tests_compute_until_reported(); }).get(); });
    // As weft counts it: without the time in which others had the core. Counted from the first of
    // two looks, which come every 12.5 ms.
    return reports == 1 && held >= 100ms && held < 150ms - 12ms ? 0 : 1;
  });
  CHECK(end.status == 0);
  CHECK(end.says("weft: fiber 2 'hog' (spawned at "));
  CHECK(end.says("weft_tests_compute_until_reported (stress.stall_test+0x"));
}

TEST_CASE("sem 100: a stall after a long sleep is noticed as well") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    watch_reports();
    weft::run(limit_of(20ms), [] {
      weft::await_sleep(800ms);  // the watchdog falls asleep after half a second
      const auto begin = std::chrono::steady_clock::now();
      weft_tests_compute_until_reported();
      const auto late = std::chrono::steady_clock::now() - begin;
      if (late > 700ms) std::fprintf(stderr, "late\n");  // asleep, it would look once a second
    });
    return reports.load();
  });
  CHECK(end.status == 1);
  CHECK_FALSE(end.says("late"));
}

TEST_CASE("sem 100: a process that was stopped is no stall") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  child process([] {
    watch_reports();
    weft::run(limit_of(40ms), [] {
      std::fprintf(stderr, "begun\n");
      const auto end = std::chrono::steady_clock::now() + 600ms;
      while (std::chrono::steady_clock::now() < end) {
        compute_on_core_for(10ms);  // mostly stopped in here
        weft::yield();
        weft::await_sleep(1ms);
      }
    });
    return reports.load();
  });
  REQUIRE(process.wait_for("begun"));
  for (int i = 0; i < 3; ++i) {
    kill(process.id(), SIGSTOP);
    std::this_thread::sleep_for(100ms);
    kill(process.id(), SIGCONT);
    std::this_thread::sleep_for(20ms);
  }
  CHECK(process.finish().status == 0);
}
