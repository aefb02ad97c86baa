// SPDX-License-Identifier: BSL-1.0
// Refusing: misuse throws, a broken invariant says what, where and who, then aborts.
#include "weft/detail/check.hpp"

#include <csignal>
#include <stdexcept>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/no_leaks.hpp"
#include "weft/run.hpp"

using weft_tests::child_end;
using weft_tests::run_child;

TEST_CASE("check: misuse is a std::logic_error that says who speaks") {
  CHECK_THROWS_WITH_AS(weft::detail::misuse("get() was called twice"),
                       "weft: get() was called twice", std::logic_error);
}

TEST_CASE("check: a condition that holds is evaluated once and costs nothing else") {
  int asked = 0;
  WEFT_ASSERT(++asked == 1);
  CHECK(asked == 1);
}

TEST_CASE("check: a broken invariant prints condition and place, and aborts") {
  const child_end end = run_child([] {
    const int waiters = 2;
    WEFT_ASSERT(waiters == 0);
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("weft: broken invariant: waiters == 0 ("));
  CHECK(end.says("check_test.cpp:"));
  CHECK(end.says("running a plain thread"));
}

TEST_CASE("check: a broken invariant in a fiber names the fiber") {
  const child_end end = run_child([] {
    weft::options how;
    how.name = "the server";
    weft::run(how, [] { WEFT_ASSERT(weft::detail::running_loop() == nullptr); });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("running fiber 1 'the server'"));
}

TEST_CASE("check: a fatal error prints its text and aborts") {
  const child_end end = run_child([]() -> int { weft::detail::fatal("nothing helps"); });
  CHECK(end.signal == SIGABRT);
  CHECK(end.output.rfind("weft: nothing helps\n", 0) == 0);
}

#if WEFT_ASSERTIONS
TEST_CASE("check: with -Dassertions=true the debugging invariants are checked, too") {
  const child_end end = run_child([] {
    const bool is_sorted = false;
    WEFT_DEBUG_ASSERT(is_sorted);
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("broken invariant: is_sorted"));
}
#else
TEST_CASE("check: with -Dassertions=false the debugging invariants are not evaluated") {
  int asked = 0;
  WEFT_DEBUG_ASSERT(++asked == 0);
  CHECK(asked == 0);
}
#endif
