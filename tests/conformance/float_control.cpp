// SPDX-License-Identifier: BSL-1.0
// Conformance of a backend, bare contexts: who keeps the floating-point control words, and what
// becomes of the flags that say what happened.
#include <cfenv>
#include <cstdint>
#include <memory>
#include <vector>

#include <doctest/doctest.h>

#include "conformance/control_words.hpp"
#include "context/flow.hpp"
#include "support/skip.hpp"

using weft_tests::controls_restored;
using weft_tests::flow;
using weft_tests::hop;
using weft_tests::set_vector_control;
using weft_tests::vector_control;

namespace {

[[maybe_unused]] constexpr const char* fpcr_is_the_threads =
    "fcontext leaves FPCR to the thread, as asm/README.md says";

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME
          ": sem 86: four sides keep four rounding modes over a million switches") {
#if WEFT_TESTS_KEEPS_CONTROLS
  const controls_restored restored;
  const std::size_t rounds = weft_tests::scaled(250'000, 20'000);
  flow here;
  std::vector<std::unique_ptr<flow>> others;
  std::size_t changed = 0;
  auto pass_on = [&](flow& self, std::size_t index) {
    hop(self, index < 3 ? *others[index] : here);
    changed += std::fegetround() != weft_tests::rounding_modes[index] ? 1 : 0;
  };
  for (std::size_t i = 1; i < 4; ++i) {
    others.push_back(std::make_unique<flow>([&, i](flow& self) {
      changed += std::fegetround() != FE_TONEAREST ? 1 : 0;  // not its starter's
      std::fesetround(weft_tests::rounding_modes[i]);
      for (std::size_t round = 1; round < rounds; ++round) pass_on(self, i);
      return i < 3 ? others[i].get() : &here;
    }));
  }
  for (std::size_t round = 0; round < rounds; ++round) pass_on(here, 0);
  CHECK(changed == 0);
#else
  WEFT_SKIP(fpcr_is_the_threads);
#endif
}

TEST_CASE(WEFT_BACKEND_NAME ": H10: flush-to-zero, set without <cfenv>, stays with its side") {
#if WEFT_TESTS_KEEPS_CONTROLS
  const controls_restored restored;
  const auto mine = vector_control();
  flow here;
  bool was_kept = false;
  flow there([&](flow& self) {
    set_vector_control(weft_tests::default_vector_control | weft_tests::flush_to_zero);
    hop(self, here);
    was_kept = vector_control() == (weft_tests::default_vector_control | weft_tests::flush_to_zero);
    return &here;
  });
  hop(here, there);
  CHECK(vector_control() == mine);
  hop(here, there);
  CHECK(was_kept);
  CHECK(vector_control() == mine);  // it ended with its own in force
#else
  WEFT_SKIP(fpcr_is_the_threads);
#endif
}

TEST_CASE(WEFT_BACKEND_NAME ": H10: the x87 precision, set alone, stays with its side") {
#if defined(__x86_64__)
  const controls_restored restored;
  constexpr std::uint16_t single = weft_tests::default_x87_control & ~0x300;
  flow here;
  std::uint16_t kept = 0;
  flow there([&](flow& self) {
    weft_tests::set_x87_control(single);
    hop(self, here);
    kept = weft_tests::x87_control();
    return &here;
  });
  hop(here, there);
  CHECK(weft_tests::x87_control() == weft_tests::default_x87_control);
  hop(here, there);
  CHECK(kept == single);
  CHECK(weft_tests::x87_control() == weft_tests::default_x87_control);
#else
  WEFT_SKIP("the x87 unit is x86-64's");
#endif
}

TEST_CASE(WEFT_BACKEND_NAME ": H10: a fresh side starts with default controls, also after an end") {
#if WEFT_TESTS_KEEPS_CONTROLS
  const controls_restored restored;
  flow here;
  int seen[2] = {-1, -1};
  auto seen_vector = vector_control();
  set_vector_control(weft_tests::default_vector_control | weft_tests::flush_to_zero);
  std::fesetround(FE_DOWNWARD);
  const auto mine = vector_control();
  flow second([&](flow&) {
    seen[1] = std::fegetround();
    seen_vector = vector_control();
    return &here;
  });
  flow first([&](flow&) {
    seen[0] = std::fegetround();
    std::fesetround(FE_UPWARD);
    return &second;
  });
  hop(here, first);
  CHECK(seen[0] == FE_TONEAREST);
  CHECK(seen[1] == FE_TONEAREST);
  CHECK(seen_vector == weft_tests::default_vector_control);
  CHECK(vector_control() == mine);
#else
  WEFT_SKIP(fpcr_is_the_threads);
#endif
}

TEST_CASE(WEFT_BACKEND_NAME ": H10: a side that enables traps enables them for itself") {
#if defined(__x86_64__)
  const controls_restored restored;
  flow here;
  int kept = 0;
  flow there([&](flow& self) {
    feenableexcept(FE_DIVBYZERO | FE_INVALID);
    hop(self, here);
    kept = fegetexcept();
    return &here;
  });
  hop(here, there);
  CHECK(fegetexcept() == 0);
  volatile double zero = 0;
  volatile double quotient = 1 / zero;  // would be SIGFPE
  static_cast<void>(quotient);
  hop(here, there);
  CHECK(kept == (FE_DIVBYZERO | FE_INVALID));
  CHECK(fegetexcept() == 0);
#else
  WEFT_SKIP("AArch64 processors need not have traps");
#endif
}

TEST_CASE(WEFT_BACKEND_NAME ": H10: on AArch64 fcontext leaves FPCR to the thread, as documented") {
#if defined(__aarch64__) && !WEFT_CONTEXT_ASM
  const controls_restored restored;
  flow here;
  flow there([&](flow&) {
    std::fesetround(FE_UPWARD);
    return &here;
  });
  hop(here, there);
  CHECK(std::fegetround() == FE_UPWARD);
#else
  WEFT_SKIP("this backend keeps all control words per side");
#endif
}

TEST_CASE(WEFT_BACKEND_NAME
          ": H10: flags raised before are there in a fresh side, and afterwards") {
  const controls_restored restored;
  std::feclearexcept(FE_ALL_EXCEPT);
  std::feraiseexcept(FE_DIVBYZERO);
  flow here;
  int seen = 0;
  flow there([&](flow& self) {
    seen = std::fetestexcept(FE_ALL_EXCEPT);
    std::fesetround(FE_UPWARD);  // so that control words are loaded on the way
    hop(self, here);
    return &here;
  });
  hop(here, there);
  CHECK((seen & FE_DIVBYZERO) != 0);
  CHECK((std::fetestexcept(FE_ALL_EXCEPT) & FE_DIVBYZERO) != 0);
  hop(here, there);
  CHECK((std::fetestexcept(FE_ALL_EXCEPT) & FE_DIVBYZERO) != 0);
}

// x86-64's fcontext saves the whole of MXCSR; the asm backend and all of AArch64 leave flags to the
// thread. The x87 unit's are the thread's everywhere, so only SSE is asked.
TEST_CASE(WEFT_BACKEND_NAME ": H10: flags raised in a side belong to whom the backend says") {
  const controls_restored restored;
  std::feclearexcept(FE_ALL_EXCEPT);
  flow here;
  int seen_there = 0;
  flow there([&](flow& self) {
    volatile double zero = 0;
    volatile double quotient = 1 / zero;
    static_cast<void>(quotient);
    hop(self, here);
    seen_there = std::fetestexcept(FE_DIVBYZERO);
    return &here;
  });
  hop(here, there);
#if defined(__x86_64__) && !WEFT_CONTEXT_ASM
  CHECK(std::fetestexcept(FE_DIVBYZERO) == 0);
#else
  CHECK(std::fetestexcept(FE_DIVBYZERO) != 0);
#endif
  hop(here, there);
  CHECK(seen_there != 0);
}
