// SPDX-License-Identifier: BSL-1.0
// The watchdog: fibers that hold their thread are named, once, without being disturbed. Real time
// is the subject here. Each case is a child process: reports are counted by the minute and process.
#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include <dirent.h>
#include <signal.h>

#include <doctest/doctest.h>

#include "loop/stalls.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "weft/debug.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::spawn;

// The children end by _exit(), which joins nobody.
extern "C" const char* __tsan_default_options() { return "report_thread_leaks=0"; }

namespace {

constexpr const char* no_signals_under_tsan = "ThreadSanitizer delays signals until a thread waits";

// How many threads of this process are the watchdog's: 0 or 1. It is there before it has a name.
int watchdogs() {
  DIR* const folder = opendir("/proc/self/task");
  int count = -2;  // "." and ".."
  while (readdir(folder) != nullptr) ++count;
  closedir(folder);
  return count - 1 - (is_tsan ? 1 : 0);  // ThreadSanitizer has one of its own
}

// How often it has gone to sleep so far.
long switches_of_watchdog() {
  DIR* const folder = opendir("/proc/self/task");
  long count = 0;
  while (const dirent* const one = readdir(folder)) {
    const std::string thread = std::string("/proc/self/task/") + one->d_name;
    std::string name;
    std::getline(std::ifstream(thread + "/comm"), name);
    if (name != "weft-watchdog") continue;
    std::ifstream status(thread + "/status");
    for (std::string line; std::getline(status, line);) {
      if (line.rfind("voluntary_ctxt_switches:", 0) == 0) count += std::stol(line.substr(24));
    }
  }
  closedir(folder);
  return count;
}

void wait_until_it_has_gone() {
  while (watchdogs() != 0) std::this_thread::yield();
}

}  // namespace

TEST_CASE("sem 100: a fiber that computes is named, with the function that does") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  if (is_tsan) WEFT_SKIP(no_signals_under_tsan);
  const child_end end = run_child([] {
    watch_reports();
    weft::run(limit_of(20ms),
              [] { spawn({"reader"}, [] { weft_tests_compute_until_reported(); }).get(); });
    return reports == 1 ? 0 : 1;
  });
  CHECK(end.status == 0);
  CHECK(end.says("weft: fiber 2 'reader' (spawned at "));
  CHECK(end.says(" has held its thread for 2"));  // 20 ms and some
  CHECK(end.says(". It computes in\n  "));
  CHECK(end.says("weft_tests_compute_until_reported (loop.watchdog_test+0x"));
}

TEST_CASE("sem 100: main is watched as well, and other threads' loops") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    watch_reports();
    std::thread other([] {
      weft::options how = limit_of(20ms);
      how.name = "elsewhere";
      weft::run(how, [] { weft_tests_compute_until_reported(); });
    });
    other.join();
    return 0;
  });
  CHECK(end.says("weft: fiber 1 'elsewhere' has held its thread for "));
}

TEST_CASE("sem 100: a stall is reported once, however long it lasts") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    watch_reports();
    weft::run(limit_of(10ms), [] {
      weft_tests_compute_until_reported();
      compute_for(40ms);
    });
    return reports.load();
  });
  CHECK(end.status == 1);
}

TEST_CASE("sem 100: a fiber in a system call is named, and its call is not cut short") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    watch_reports();
    const auto begin = std::chrono::steady_clock::now();
    const int result = weft::run(limit_of(20ms), [] {
      return spawn({"sleeper"}, [] { return weft_tests_sleep_for_80_ms(); }).get();
    });
    if (std::chrono::steady_clock::now() - begin < 80ms) return 2;
    return result == 0 && reports == 1 ? 0 : 1;
  });
  CHECK(end.status == 0);
  CHECK(end.says("weft: fiber 2 'sleeper' (spawned at "));
  CHECK(end.says("It is blocked in the system call clock_nanosleep."));
  CHECK(end.says("weft_tests_sleep_for_80_ms (loop.watchdog_test+0x"));
}

TEST_CASE("sem 100: five reports a minute, then one line for the rest") {
  if (is_tsan) WEFT_SKIP(no_signals_under_tsan);
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    watch_reports();
    weft::run(limit_of(4ms), [] {
      for (int i = 0; i < 5; ++i) {
        weft_tests_compute_until_reported();
        weft::await_sleep(2ms);
      }
      for (int i = 0; i < 3; ++i) {
        compute_on_core_for(40ms);
        weft::await_sleep(2ms);
      }
    });
    wait_until_it_has_gone();  // it says so before it ends
    return reports.load();
  });
  CHECK(end.status == 6);
  // Three or so: a slow machine's steps take too long without being made to, and its watchdog may
  // miss one.
  CHECK(end.says(" more steps of fibers took too long and were not reported\n"));
}

TEST_CASE("sem 100: on_stall() takes the reports") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    static weft::fiber_id id{};
    static std::string name;
    static weft::duration held{};
    static bool is_blocked = false;
    const auto before = weft::debug::on_stall([](const weft::debug::stall& one) noexcept {
      id = one.fiber;
      name = one.name;
      held = one.held;
      is_blocked = one.is_blocked;
      ++reports;
    });
    weft::run(limit_of(20ms), [] { spawn({"x"}, [] { weft_tests_sleep_for_80_ms(); }).get(); });
    const bool is_told = id == weft::fiber_id{2} && name == "x" && held >= 20ms && is_blocked;
    return before == nullptr && reports == 1 && is_told ? 0 : 1;
  });
  CHECK(end.status == 0);
  CHECK(end.output == "");
}

TEST_CASE("sem 100: a loop that switches, or sleeps, is not reported") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    weft::run(limit_of(30ms), [] {
      auto other = spawn([] { weft::await_sleep(45ms); });  // the loop sleeps for longer than that
      weft::await_sleep(40ms);
      for (int i = 0; i < 8; ++i) {  // always the same fiber, but it lets go of the thread
        compute_for(10ms);
        weft::yield();
      }
    });
    return 0;
  });
  CHECK(end.status == 0);
  CHECK(end.output == "");
}

TEST_CASE("watchdog: zero switches it off, and there is no thread") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end =
      run_child([] { return weft::run(limit_of(0ms), [] { return watchdogs(); }); });
  CHECK(end.status == 0);
}

TEST_CASE("watchdog: a virtual clock's loop is not watched") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    weft::testing::virtual_clock clock;
    weft::options how = limit_of(10ms);
    how.time = &clock;
    return weft::run(how, [] { return watchdogs(); });
  });
  CHECK(end.status == 0);
}

TEST_CASE("watchdog: its thread goes when no loop is left, and comes back with the next") {
  if (is_tsan) WEFT_SKIP("ThreadSanitizer's own thread comes and goes in a child");
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    for (int i = 0; i < 2; ++i) {
      if (weft::run(limit_of(10ms), [] { return watchdogs(); }) != 1) return 1;
      wait_until_it_has_gone();
    }
    return 0;
  });
  CHECK(end.status == 0);
}

TEST_CASE("watchdog: a loop that sleeps and works in turns does not wake it each time") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    weft::run(limit_of(100ms), [] {
      weft::await_sleep(1500ms);  // it has fallen asleep
      const long before = switches_of_watchdog();
      for (int i = 0; i < 2000; ++i) weft::await_sleep(50us);
      // Its looks, 25 ms apart, on a machine that may take a second for the sleeps.
      if (switches_of_watchdog() - before > 500) _exit(1);
    });
    return 0;
  });
  CHECK(end.status == 0);
}

TEST_CASE("watchdog: WEFT_STALL_MS says it for all loops") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end on = run_child([] {
    setenv("WEFT_STALL_MS", "20", 1);
    watch_reports();
    weft::run(limit_of(0ms), [] { weft_tests_compute_until_reported(); });
    return reports.load();
  });
  CHECK(on.status == 1);
  const child_end off = run_child([] {
    setenv("WEFT_STALL_MS", "0", 1);
    return weft::run(limit_of(10ms), [] { return watchdogs(); });
  });
  CHECK(off.status == 0);
}

TEST_CASE("watchdog: a WEFT_STALL_MS that is no number is told once and changes nothing") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  for (const char* const bad : {"soon", "-5", "10ms", "", "99999999999999999999"}) {
    CAPTURE(bad);
    const child_end end = run_child([bad] {
      setenv("WEFT_STALL_MS", bad, 1);
      weft::run(limit_of(0ms), [] {});
      return weft::run(limit_of(0ms), [] { return watchdogs(); });
    });
    CHECK(end.status == 0);
    CHECK(end.output == std::string("weft: WEFT_STALL_MS='") + bad +
                            "' is ignored: it takes a number of milliseconds, 0 for never\n");
  }
}

TEST_CASE("watchdog: a negative slow_step is refused") {
  CHECK_THROWS_AS(weft::run(limit_of(-1ms), [] {}), std::logic_error);
}

TEST_CASE("watchdog: a program's own SIGURG handler is neither replaced nor called") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    static std::atomic<int> calls{0};
    std::signal(SIGURG, [](int) { ++calls; });
    watch_reports();
    weft::run(limit_of(20ms), [] { weft_tests_compute_until_reported(); });
    return std::signal(SIGURG, SIG_DFL) != SIG_DFL && calls == 0 && reports == 1 ? 0 : 1;
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says("weft: fiber 1 'main' has held its thread for "));
  CHECK(end.says("Its stack is not known: the program uses or blocks SIGURG."));
}

TEST_CASE("watchdog: SIGURG is at its default again when the report has been made") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  const child_end end = run_child([] {
    watch_reports();
    weft::run(limit_of(20ms), [] { weft_tests_compute_until_reported(); });
    return std::signal(SIGURG, SIG_DFL) == SIG_DFL && reports == 1 ? 0 : 1;
  });
  CHECK(end.status == 0);
}

TEST_CASE("H8: a fiber at the end of its stack survives the question") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  if (is_sanitized) WEFT_SKIP("a sanitizer's frames are larger than what is left");
  const child_end end = run_child([] {
    watch_reports();
    // Another thread than main: no overflow report brought an alternate stack.
    std::thread other([] {
      weft::run(limit_of(20ms), [] {
        weft::spawn_options small;
        small.stack_bytes = 1;  // the least there is
        spawn(small, [] { compute_with_little_stack(); }).get();
      });
    });
    other.join();
    return reports.load();
  });
  CHECK(end.signal == 0);
  CHECK(end.status == 1);
}

TEST_CASE("sem 90: in a child of fork() the watchdog starts anew") {
  if (is_emulated()) WEFT_SKIP(no_stalls_under_emulation);
  if (is_tsan) WEFT_SKIP("ThreadSanitizer allows no threads after such a fork");
  const child_end end = run_child([] {
    watch_reports();
    return weft::run(limit_of(20ms), [] {
      // A thread that begins may hold a lock of the sanitizer's allocator, which fork() would copy.
      while (switches_of_watchdog() == 0) weft::yield();
      const pid_t inner = fork();
      if (inner == 0) {
        reports = 0;  // the parent's: fork() alone may take too long for it
        alarm(weft_tests::child::patience);
        compute_for(60ms);  // a loop that has forked is not watched there
        if (reports != 0) _exit(2);
        std::thread other(
            [] { weft::run(limit_of(20ms), [] { weft_tests_compute_until_reported(); }); });
        other.join();
        _exit(reports != 0 ? 0 : 3);
      }
      int how = 0;
      waitpid(inner, &how, 0);
      return WIFEXITED(how) ? WEXITSTATUS(how) : 9;
    });
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
}
