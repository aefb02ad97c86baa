// SPDX-License-Identifier: BSL-1.0
// An overflow inside with_stack() is told of the larger stack, by guard and by canary. Each case in
// a child process, since it ends with a signal.
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <doctest/doctest.h>

#include "stack/deny_guards.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "task/stack_sizes.hpp"
#include "weft/weft.hpp"

using weft::with_stack;
using weft_tests::KiB;
using weft_tests::MiB;
using weft_tests::own_stack;
using weft_tests::run_child;

namespace {

[[gnu::noinline]] int sink(int depth) {
  volatile char block[512];
  block[0] = static_cast<char>(depth);
  asm volatile("" : : "r"(&block) : "memory");  // clang keeps one byte of an array otherwise
  const int below = depth > 0 ? sink(depth - 1) : 0;
  return below + block[0];
}

void spoil_canary() {
  const weft::detail::stack& mine = *own_stack();
  if (mine.guard != weft::detail::guard_kind::none) std::_Exit(3);
  std::memset(mine.limit, 0x55, 8);
}

}  // namespace

TEST_CASE("H7: an overflow inside with_stack names the fiber and the larger size") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  const auto end = run_child([] {
    weft::run([] {
      weft::spawn({"parser"}, [] { with_stack(2 * MiB, [] { sink(10'000'000); }); }).join();
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGSEGV);
  CHECK(
      end.says("weft: fiber 2 'parser' overflowed its 2048 KiB stack: a write hit the guard below "
               "it. Give with_stack() more, or look for deep recursion and large local arrays."));
}

TEST_CASE("H7: an overflow inside with_stack in main is named, one after it is not its") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  const auto inside = run_child([] {
    weft::run([] { with_stack(MiB, [] { sink(10'000'000); }); });
    return 0;
  });
  CHECK(inside.signal == SIGSEGV);
  CHECK(inside.says("weft: fiber 1 'main' overflowed its 1024 KiB stack: "));
  const auto after = run_child([] {
    weft::run([] {
      const auto* const borrowed = with_stack(256 * KiB, [] { return own_stack(); });
      weft::spawn([borrowed] {
        if (own_stack() != borrowed) std::_Exit(3);  // the same stack, now a fiber's own
        try {
          with_stack(2 * MiB, [] { throw 1; });
        } catch (int) {
          sink(10'000'000);
        }
      }).join();
    });
    return 0;
  });
  CHECK(after.signal == SIGSEGV);
  CHECK(
      after.says("weft: fiber 2 overflowed its 256 KiB stack: a write hit the guard below it. Give "
                 "it more with spawn_options::stack_bytes"));
}

TEST_CASE(
    "H7: without guards the canary of the larger stack is looked at, at a park and at the end") {
  for (const bool parks : {true, false}) {
    const auto end = run_child([parks] {
      if (!weft_tests::deny_guards(weft_tests::denied::all_guards)) return weft_tests::no_seccomp;
      weft::run([parks] {
        with_stack(MiB, [parks] {
          weft::yield();
          spoil_canary();
          if (parks) weft::yield();
          if (parks) std::_Exit(4);
        });
        std::_Exit(5);
      });
      return 0;
    });
    if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
    CAPTURE(parks);
    CAPTURE(end.output);
    CHECK(end.signal == SIGABRT);
    CHECK(
        end.says("weft: fiber 1 'main' overflowed its 1024 KiB stack: the canary at its end was "
                 "overwritten. Give with_stack() more"));
  }
}

TEST_CASE("H7: without guards a correct program passes in and out of with_stack") {
  const auto end = run_child([] {
    if (!weft_tests::deny_guards(weft_tests::denied::all_guards)) return weft_tests::no_seccomp;
    return weft::run([] {
      int sum = 0;
      for (int i = 0; i < 3; ++i) {
        sum += with_stack(MiB, [] { return weft::spawn([] { return 1; }).get(); });
        weft::yield();
        sum += weft::spawn([] {
                 weft::yield();
                 const int got = with_stack(MiB, [] { return 1; });
                 weft::yield();
                 return got;
               }).get();
      }
      return sum - 6;
    });
  });
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.status == 0);
}
