// SPDX-License-Identifier: BSL-1.0
// Guards on older kernels: without MADV_GUARD_INSTALL by mprotect, as long as the process's
// mappings last, and beyond that by a canary that every park looks at. Each case in a child, whose
// kernel is made to refuse.
#include <csignal>
#include <cstdio>
#include <fstream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "deny_guards.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/stack.hpp"
#include "weft/weft.hpp"

using weft::detail::guard_kind;
using weft_tests::denied;
using weft_tests::deny_guards;
using weft_tests::run_child;

namespace {

const weft::detail::stack& own_stack() { return *weft::detail::running_loop()->current->bound; }

std::vector<weft::task<>> parked_fibers(std::size_t count) {
  std::vector<weft::task<>> parked;
  for (std::size_t i = 0; i < count; ++i) {
    parked.push_back(weft::spawn([] { weft::await_sleep(weft::duration::max()); }));
  }
  weft::yield();
  return parked;
}

[[gnu::noinline]] int dive(int depth) {
  volatile char block[512];
  block[0] = static_cast<char>(depth);
  const int below = depth > 0 ? dive(depth - 1) : 0;
  return below + block[0];
}

std::size_t max_map_count() {
  std::size_t count = 65530;
  std::ifstream("/proc/sys/vm/max_map_count") >> count;
  return count;
}

std::size_t mappings() {
  std::ifstream maps("/proc/self/maps");
  std::size_t lines = 0;
  for (std::string text; std::getline(maps, text);) ++lines;
  return lines;
}

// Writes where a fiber that grew past its stack would.
void spoil_canary() { *reinterpret_cast<volatile long*>(own_stack().limit) = 1; }

}  // namespace

TEST_CASE(
    "H7: without MADV_GUARD_INSTALL a guard is PROT_NONE, and an overflow is named all the same") {
  const auto end = run_child([] {
    if (!deny_guards(denied::guard_advice)) return weft_tests::no_seccomp;
    weft::run([] {
      weft::spawn([] {
        if (own_stack().guard != guard_kind::protect) std::fprintf(stderr, "another kind\n");
        dive(1'000'000);
      }).join();
    });
    return 0;
  });
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.signal == SIGSEGV);
  CHECK(end.says("weft: fiber 2 overflowed its 256 KiB stack: a write hit the guard below it."));
  CHECK_FALSE(end.says("another kind"));
}

TEST_CASE("torture 4: forty thousand stacks guarded by mprotect leave the process its mappings") {
  if (weft_tests::is_sanitized) WEFT_SKIP("more fibers than a sanitizer has room for");
  const auto end = run_child([] {
    if (!deny_guards(denied::guard_advice)) return weft_tests::no_seccomp;
    std::size_t protects = 0;
    std::size_t nones = 0;
    std::size_t lines = 0;
    const int later = weft::run([&] {
      auto parked = parked_fibers(40'000);
      for (const auto& one : parked) {
        const guard_kind kind = one.record()->bound->guard;
        protects += kind == guard_kind::protect ? 1 : 0;
        nones += kind == guard_kind::none ? 1 : 0;
      }
      lines = mappings();
      parked.clear();
      return weft::spawn([] { return 5; }).get();
    });
    std::fprintf(stderr, "%zu protected, %zu with a canary, %zu mappings\n", protects, nones,
                 lines);
    const bool fair = protects > 1000 && protects + nones == 40'000 && lines < max_map_count() / 2;
    return fair && later == 5 ? 0 : 1;
  });
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.status == 0);
}

TEST_CASE("torture 4: guards that ended with their loop are free for the next one") {
  if (weft_tests::is_sanitized) WEFT_SKIP("more fibers than a sanitizer has room for");
  const auto end = run_child([] {
    if (!deny_guards(denied::guard_advice)) return weft_tests::no_seccomp;
    for (int round = 0; round < 4; ++round) {
      const bool all_protected = weft::run([] {
        const auto parked = parked_fibers(4'000);
        return parked.back().record()->bound->guard == guard_kind::protect;
      });
      if (!all_protected) return 1 + round;
    }
    return 0;
  });
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CHECK(end.status == 0);
}

TEST_CASE("H7: without any guard a spoiled canary ends the process at the next park, by name") {
  const auto end = run_child([] {
    if (!deny_guards(denied::all_guards)) return weft_tests::no_seccomp;
    weft::run([] {
      weft::spawn({"spoiler"}, [] {
        if (own_stack().guard != guard_kind::none) std::fprintf(stderr, "another kind\n");
        weft::yield();
        spoil_canary();
        weft::yield();
        std::fprintf(stderr, "went on\n");
      }).join();
    });
    return 0;
  });
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(
      end.says("weft: fiber 2 'spoiler' overflowed its 256 KiB stack: the canary at its end was "
               "overwritten. Give it more with spawn_options::stack_bytes"));
  CHECK_FALSE(end.says("another kind"));
  CHECK_FALSE(end.says("went on"));
}

TEST_CASE("H7: a canary spoiled by a fiber that never parks again is found at its end") {
  const auto end = run_child([] {
    if (!deny_guards(denied::all_guards)) return weft_tests::no_seccomp;
    weft::run([] { weft::spawn({"last"}, [] { spoil_canary(); }).join(); });
    return 0;
  });
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("weft: fiber 2 'last' overflowed its 256 KiB stack: the canary"));
}

TEST_CASE("H7: the canary is its own affair of each that begins on its predecessor's stack") {
  for (const bool first_spoils : {true, false}) {
    const auto end = run_child([&] {
      if (!deny_guards(denied::all_guards)) return weft_tests::no_seccomp;
      weft::run([&] {
        auto first = weft::spawn({"first"}, [&] {
          if (first_spoils) spoil_canary();
        });
        auto heir = weft::spawn({"heir"}, [&] {
          if (!first_spoils) spoil_canary();
          weft::yield();
          std::fprintf(stderr, "went on\n");
        });
        heir.join();
      });
      return 0;
    });
    if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
    CAPTURE(end.output);
    CHECK(end.signal == SIGABRT);
    CHECK(end.says(first_spoils ? "weft: fiber 2 'first' overflowed"
                                : "weft: fiber 3 'heir' overflowed"));
    CHECK_FALSE(end.says("went on"));
  }
}

TEST_CASE("H7: without any guard a correct program runs, on fresh and on recycled stacks") {
  const auto end = run_child([] {
    if (!deny_guards(denied::all_guards)) return weft_tests::no_seccomp;
    weft::options how;
    how.cached_stacks = 8;
    how.stack_linger = weft::duration::zero();
    return weft::run(how, [] {
      for (int round = 0; round < 3; ++round) {
        auto parked = parked_fibers(100);
        for (auto& one : parked) one.cancel();
      }
      return weft::spawn([] { return 0; }).get();
    });
  });
  if (end.status == weft_tests::no_seccomp) WEFT_SKIP("no seccomp filter here");
  CAPTURE(end.output);
  CHECK(end.status == 0);
}
