// SPDX-License-Identifier: BSL-1.0
// Fibers that hold their thread on purpose, for tests of the watchdog. The two functions that a
// report is to name are plain C names; their programs are linked with -rdynamic.
#pragma once

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <ctime>
#include <string>

#include "weft/options.hpp"
#include "weft/report.hpp"
#include "weft/this_fiber.hpp"

namespace weft_tests {

inline constexpr const char* no_stalls_under_emulation =
    "/proc tells what the emulator's threads do, not the program's";

inline std::atomic<int> reports{0};

// Counts what is reported, and writes it to stderr as ever.
inline void watch_reports() {
  weft::set_report_handler([](const weft::report& one) noexcept {
    std::fprintf(stderr, "%.*s\n", static_cast<int>(one.text.size()), one.text.data());
    ++reports;
  });
}

inline weft::options limit_of(std::chrono::milliseconds slow_step) {
  weft::options how;
  how.slow_step = slow_step;
  return how;
}

inline void compute_for(std::chrono::milliseconds span) {
  const auto end = std::chrono::steady_clock::now() + span;
  while (std::chrono::steady_clock::now() < end) {
  }
}

// So long on a core, however long that takes.
inline void compute_on_core_for(std::chrono::nanoseconds span) {
  const auto used = [] {
    timespec now{};
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
  };
  const auto end = used() + span;
  while (used() < end) {
  }
}

constexpr auto patience = std::chrono::seconds(10);

}  // namespace weft_tests

extern "C" {

// Without a system call, and not for ever.
[[gnu::noinline]] inline void weft_tests_compute_until_reported() {
  const int before = weft_tests::reports;
  const auto end = std::chrono::steady_clock::now() + weft_tests::patience;
  while (weft_tests::reports == before && std::chrono::steady_clock::now() < end) {
  }
}

// 0, or the error of a sleep that ended early.
[[gnu::noinline]] inline int weft_tests_sleep_for_80_ms() {
  const timespec span{0, 80'000'000};
  const int error = clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr);
  asm volatile("" ::: "memory");  // no tail call: this frame is to be found
  return error;
}
}

namespace weft_tests {

// Fills the stack until less is left than a signal's frame takes.
[[gnu::noinline]] inline void compute_with_little_stack() {
  volatile char filler[512];
  filler[0] = 1;
  if (weft::this_fiber::stack_left() > 2048) {
    compute_with_little_stack();
  } else {
    weft_tests_compute_until_reported();
  }
  filler[1] = filler[0];
}

}  // namespace weft_tests
