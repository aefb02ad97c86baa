// SPDX-License-Identifier: BSL-1.0
// The floating-point environment over fibers: control bits are the fiber's own, a new fiber starts
// with the default ones, and the sticky flags of its creator are not cleared on the way.
#include <cfenv>
#include <chrono>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;

namespace {

struct rounding_restored {
  int before = std::fegetround();
  ~rounding_restored() { std::fesetround(before); }
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "sem 86: a fiber's rounding mode is kept over parks, and stays inside") {
#if defined(__x86_64__) || WEFT_CONTEXT_ASM
  run([] {
    const rounding_restored restored;
    auto upward = weft::spawn([] {
      std::fesetround(FE_UPWARD);
      weft::yield();
      return std::fegetround();
    });
    auto plain = weft::spawn([] {
      weft::yield();
      return std::fegetround();
    });
    weft::yield();
    CHECK(std::fegetround() == FE_TONEAREST);
    CHECK(upward.get() == FE_UPWARD);
    CHECK(plain.get() == FE_TONEAREST);
  });
#else
  WEFT_SKIP("Boost's AArch64 switch does not save FPCR");
#endif
}

TEST_CASE_FIXTURE(no_leaks,
                  "H10: a new fiber starts with the default rounding, not its creator's") {
#if defined(__x86_64__) || WEFT_CONTEXT_ASM
  run([] {
    const rounding_restored restored;
    std::fesetround(FE_DOWNWARD);
    auto fresh = weft::spawn([] { return std::fegetround(); });
    CHECK(fresh.get() == FE_TONEAREST);
    CHECK(std::fegetround() == FE_DOWNWARD);
    std::fesetround(FE_TONEAREST);
    // The stack is a recycled one now; its last tenant leaves another mode behind.
    weft::spawn([] { std::fesetround(FE_UPWARD); }).join();
    CHECK(weft::spawn([] { return std::fegetround(); }).get() == FE_TONEAREST);
    CHECK(std::fegetround() == FE_TONEAREST);
  });
#else
  WEFT_SKIP("Boost's AArch64 switch does not save FPCR");
#endif
}

TEST_CASE_FIXTURE(no_leaks,
                  "H10: what a main with another rounding leaves does not reach its fibers") {
#if defined(__x86_64__) || WEFT_CONTEXT_ASM
  const rounding_restored restored;
  std::fesetround(FE_TOWARDZERO);
  run([] {
    CHECK(weft::spawn([] { return std::fegetround(); }).get() == FE_TONEAREST);
    weft::await_sleep(std::chrono::milliseconds(1));
    CHECK(std::fegetround() == FE_TOWARDZERO);
  });
  CHECK(std::fegetround() == FE_TOWARDZERO);
#else
  WEFT_SKIP("Boost's AArch64 switch does not save FPCR");
#endif
}

TEST_CASE_FIXTURE(no_leaks,
                  "H10: a fiber that follows on a stack or in a record has the default, too") {
#if defined(__x86_64__)
  run([] {
    auto leaves = weft::spawn([] { std::fesetround(FE_UPWARD); });
    auto follows = weft::spawn([] { return std::fegetround(); });
    CHECK(follows.get() == FE_TONEAREST);
    leaves.join();
    for (int i = 0; i < 3; ++i) {
      {
        auto parks = weft::spawn([] {
          std::fesetround(FE_UPWARD);
          weft::yield();
        });
        parks.join();
      }
      CHECK(weft::spawn([] { return std::fegetround(); }).get() == FE_TONEAREST);
    }
  });
#else
  WEFT_SKIP("Boost's AArch64 switch does not save FPCR");
#endif
}
