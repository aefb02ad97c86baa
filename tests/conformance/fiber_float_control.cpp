// SPDX-License-Identifier: BSL-1.0
// Conformance of a backend, fibers: options::float_control, what a fiber starts with, and what it
// leaves to others. The same over bare contexts: float_control.cpp.
#include <cfenv>
#include <chrono>
#include <cstdint>
#include <vector>

#include <doctest/doctest.h>

#include "conformance/control_words.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/debug.hpp"
#include "weft/weft.hpp"

using weft_tests::controls_restored;
using weft_tests::no_leaks;
using weft_tests::set_vector_control;
using weft_tests::vector_control;

namespace {

[[maybe_unused]] constexpr const char* no_control_per_fiber =
    "fcontext leaves FPCR to the thread, as asm/README.md says";

weft::options per_thread() {
  weft::options how;
  how.float_control = weft::float_control::per_thread;
  return how;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  WEFT_BACKEND_NAME ": sem 86: each fiber keeps its own rounding mode and flush") {
#if WEFT_TESTS_KEEPS_CONTROLS
  const controls_restored restored;
  run([] {
    auto keeps = [](std::size_t index) {
      int changed = std::fegetround() != FE_TONEAREST ? 1 : 0;
      std::fesetround(weft_tests::rounding_modes[index % 4]);
      if (index % 3 == 0) {  // behind the back of <cfenv>
        set_vector_control(vector_control() | weft_tests::flush_to_zero);
      }
      const auto mine = vector_control();
      for (int i = 0; i < 200; ++i) {
        weft::yield();
        changed += vector_control() != mine ? 1 : 0;
        changed += std::fegetround() != weft_tests::rounding_modes[index % 4] ? 1 : 0;
      }
      return changed;
    };
    std::vector<weft::task<int>> fibers;
    for (std::size_t i = 0; i < 24; ++i) fibers.push_back(weft::spawn(keeps, i));
    std::fesetround(FE_DOWNWARD);
    for (auto& one : fibers) CHECK(one.get() == 0);
    CHECK(std::fegetround() == FE_DOWNWARD);
  });
#else
  WEFT_SKIP(no_control_per_fiber);
#endif
}

TEST_CASE_FIXTURE(no_leaks,
                  WEFT_BACKEND_NAME ": sem 86: a rounding mode is kept over every kind of switch") {
#if WEFT_TESTS_KEEPS_CONTROLS
  run([] {
    auto upward = weft::spawn([] {
      int wrong = 0;
      for (int i = 0; i < 200; ++i) {
        std::fesetround(i % 2 == 0 ? FE_UPWARD : FE_DOWNWARD);
        if (i % 3 == 0) weft::spawn([] {}).join();
        if (i % 3 == 1) weft::await_sleep(std::chrono::microseconds(1));
        if (i % 3 == 2) weft::yield();
        if (std::fegetround() != (i % 2 == 0 ? FE_UPWARD : FE_DOWNWARD)) ++wrong;
      }
      return wrong;
    });
    int wrong = 0;
    while (!upward.done()) {
      weft::yield();
      if (std::fegetround() != FE_TONEAREST) ++wrong;
    }
    CHECK(upward.get() == 0);
    CHECK(wrong == 0);
  });
#else
  WEFT_SKIP(no_control_per_fiber);
#endif
}

TEST_CASE_FIXTURE(no_leaks, WEFT_BACKEND_NAME
                  ": H10: a fiber starts with defaults whoever ran or ended before") {
#if WEFT_TESTS_KEEPS_CONTROLS
  const controls_restored restored;
  run([] {
    for (int batch = 0; batch < 2; ++batch) {  // the second has the records of the first
      std::vector<weft::task<bool>> fibers;
      for (int i = 0; i < 50; ++i) {
        fibers.push_back(weft::spawn([i] {
          const bool is_default = vector_control() == weft_tests::default_vector_control;
          set_vector_control(vector_control() | weft_tests::flush_to_zero);
          std::fesetround(FE_UPWARD);
          if (i % 2 == 0) weft::yield();  // others end where the next begins on the same stack
          return is_default;
        }));
      }
      std::fesetround(FE_TOWARDZERO);
      for (auto& one : fibers) CHECK(one.get());
    }
    CHECK(std::fegetround() == FE_TOWARDZERO);
  });
#else
  WEFT_SKIP(no_control_per_fiber);
#endif
}

TEST_CASE_FIXTURE(no_leaks,
                  WEFT_BACKEND_NAME ": H10: a fiber starts with the sticky flags of its creator") {
  const controls_restored restored;
  run([] {
    // The loop's own look at the clock, once 50 us have passed, has flags of its own under
    // fcontext. Where it came in between, on a slow machine, that start says nothing.
    std::uint64_t turns = 0;
    int flags = 0;
    int attempts = 0;
    do {
      REQUIRE(++attempts < 100);
      weft::yield();
      turns = weft::debug::snapshot().turns;
      std::feclearexcept(FE_ALL_EXCEPT);
      volatile double zero = 0;
      volatile double quotient = 1 / zero;
      static_cast<void>(quotient);
      auto fresh = weft::spawn([] { return std::fetestexcept(FE_ALL_EXCEPT); });
      flags = fresh.get();
    } while (weft::debug::snapshot().turns != turns);
    CHECK((flags & FE_DIVBYZERO) != 0);
    CHECK(std::fetestexcept(FE_DIVBYZERO) != 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, WEFT_BACKEND_NAME
                  ": float_control::per_thread shares one set of controls, but under fcontext") {
#if defined(__aarch64__) && WEFT_CONTEXT_ASM
  WEFT_SKIP("FPCR costs next to nothing there, so the switch always keeps it per fiber");
#else
  const controls_restored restored;
  std::fesetround(FE_DOWNWARD);
  int fresh = -1;
  int after_neighbour = -1;
  run(per_thread(), [&] {
    auto waits = weft::spawn([&] {
      fresh = std::fegetround();
      weft::yield();
      after_neighbour = std::fegetround();
    });
    auto sets = weft::spawn([] { std::fesetround(FE_UPWARD); });
    sets.join();
    waits.get();
  });
#if defined(__x86_64__) && !WEFT_CONTEXT_ASM
  CHECK(fresh == FE_TONEAREST);
  CHECK(after_neighbour == FE_TONEAREST);
  CHECK(std::fegetround() == FE_DOWNWARD);
#else
  CHECK(fresh == FE_DOWNWARD);
  CHECK(after_neighbour == FE_UPWARD);
  CHECK(std::fegetround() == FE_UPWARD);
#endif
#endif
}
