// SPDX-License-Identifier: BSL-1.0
// Rounding mode and x87 control word belong to a flow of control: the System V ABI counts the
// control bits of MXCSR and the x87 control word as callee-saved.
#include <cfenv>
#include <cstdint>

#include <doctest/doctest.h>

#include "flow.hpp"
#include "support/skip.hpp"
#include "weft/detail/context.hpp"

using weft_tests::flow;
using weft_tests::hop;

namespace {

struct rounding_restored {
  int before = std::fegetround();
  ~rounding_restored() { std::fesetround(before); }
};

#if defined(__x86_64__)
std::uint16_t x87_control() {
  std::uint16_t word = 0;
  asm volatile("fnstcw %0" : "=m"(word));
  return word;
}
std::uint32_t sse_control() {
  std::uint32_t word = 0;
  asm volatile("stmxcsr %0" : "=m"(word));
  return word & 0xffc0U;  // without the sticky flags
}
#endif

}  // namespace

TEST_CASE("sem 86: a rounding mode set on one side does not reach the other, and is kept") {
#if defined(__x86_64__) || WEFT_CONTEXT_ASM
  const rounding_restored restored;
  flow here;
  int first = -1;
  int second = -1;
  flow there([&](flow& self) {
    std::fesetround(FE_UPWARD);
    hop(self, here);
    first = std::fegetround();
    std::fesetround(FE_TOWARDZERO);
    hop(self, here);
    second = std::fegetround();
    return &here;
  });
  hop(here, there);
  CHECK(std::fegetround() == FE_TONEAREST);
  std::fesetround(FE_DOWNWARD);
  hop(here, there);
  CHECK(std::fegetround() == FE_DOWNWARD);
  hop(here, there);
  CHECK(first == FE_UPWARD);
  CHECK(second == FE_TOWARDZERO);
#else
  WEFT_SKIP("Boost's AArch64 switch does not save FPCR");
#endif
}

TEST_CASE("sem 86: the x87 precision and the SSE flush-to-zero bit stay with their side") {
#if defined(__x86_64__)
  const rounding_restored restored;
  flow here;
  std::uint16_t x87_there = 0;
  std::uint32_t sse_there = 0;
  const std::uint16_t x87_here = x87_control();
  const std::uint32_t sse_here = sse_control();
  const auto x87_single = static_cast<std::uint16_t>(x87_here & ~0x0300U);
  const std::uint32_t sse_flush = sse_here | 0x8000U;
  flow there([&](flow& self) {
    asm volatile("fldcw %0\n\tldmxcsr %1" : : "m"(x87_single), "m"(sse_flush));
    hop(self, here);
    x87_there = x87_control();
    sse_there = sse_control();
    return &here;
  });
  hop(here, there);
  CHECK(x87_control() == x87_here);
  CHECK(sse_control() == sse_here);
  hop(here, there);
  CHECK(x87_there == x87_single);
  CHECK(sse_there == sse_flush);
  CHECK(x87_control() == x87_here);
#else
  WEFT_SKIP("the x87 and MXCSR words are x86-64's");
#endif
}
