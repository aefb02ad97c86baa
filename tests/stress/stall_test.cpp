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

TEST_CASE("torture 31: who computes for 200 ms is named 25-50 ms after the first hundred") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  if (is_sanitized) WEFT_SKIP("the default limit is off under a sanitizer");
  const child_end end = run_child([] {
    static std::chrono::steady_clock::time_point told{};
    weft::debug::on_stall([](const weft::debug::stall& one) noexcept {
      told = std::chrono::steady_clock::now();
      std::fprintf(stderr, "%.*s\n", static_cast<int>(one.text.size()), one.text.data());
      ++reports;
    });
    weft::run([] {
      spawn({"hog"}, [] {
        const auto begin = std::chrono::steady_clock::now();
        compute_for(200ms);
        const auto after = std::chrono::duration_cast<std::chrono::milliseconds>(told - begin);
        std::fprintf(stderr, "told after %ld ms\n", static_cast<long>(after.count()));
      }).get();
    });
    return reports.load();
  });
  CHECK(end.status == 1);
  CHECK(end.says("weft: fiber 2 'hog' (spawned at "));
  const std::string mark = "told after ";
  const std::size_t at = end.output.find(mark);
  REQUIRE(at != std::string::npos);
  const long after = std::stol(end.output.substr(at + mark.size()));
  CHECK(after >= 100);
  CHECK(after < 190);  // 125 on a machine that has nothing else to do; time without a core comes on top
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
        compute_for(10ms);  // mostly stopped in here
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
