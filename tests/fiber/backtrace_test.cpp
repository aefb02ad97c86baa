// SPDX-License-Identifier: BSL-1.0
// Whoever walks a fiber's stack (profilers, crash handlers, gdb, exceptions) finds its end at the
// fiber's entry, and neither garbage nor the stack of whoever switched here.
#include <cstdlib>
#include <sstream>
#include <string>

#include <execinfo.h>
#include <unistd.h>
#include <unwind.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;

namespace {

// Body, invoke, payload, entry, trampoline: with -O0 and a sanitizer's frames, still fewer.
constexpr int entry_frames_at_most = 30;

struct walk {
  int frames = 0;
  _Unwind_Reason_Code end = _URC_NO_REASON;
};

[[gnu::noinline]] walk walk_stack() {
  walk found;
  found.end = _Unwind_Backtrace(
      [](_Unwind_Context*, void* into) {
        walk& counting = *static_cast<walk*>(into);
        return ++counting.frames < 5000 ? _URC_NO_REASON : _URC_NORMAL_STOP;
      },
      &found);
  return found;
}

[[gnu::noinline]] int glibc_frames() {
  static void* frames[1000];
  return backtrace(frames, 1000);
}

template <class F>
[[gnu::noinline]] auto deeper(int levels, F f) -> decltype(f()) {
  auto result = levels == 0 ? f() : deeper(levels - 1, f);
  asm volatile("" : : "r"(&result) : "memory");  // no tail call
  return result;
}

}  // namespace

// What gdb stops at; see the test below. C name and outside a namespace: for its command line.
extern "C" [[gnu::noinline]] void weft_tests_gdb_stops_here() { asm volatile("" : : : "memory"); }

TEST_CASE_FIXTURE(no_leaks,
                  "sem 87: _Unwind_Backtrace ends at the fiber's entry, also after a park") {
  run([] {
    auto walker = weft::spawn([] {
      const walk first = walk_stack();
      weft::yield();
      const walk second = walk_stack();
      CHECK(first.end == _URC_END_OF_STACK);
      CHECK(second.end == _URC_END_OF_STACK);
      CHECK(first.frames == second.frames);
      return first.frames;
    });
    const int frames = walker.get();
    CHECK(frames >= 2);
    CHECK(frames < entry_frames_at_most);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 87: one frame more for each call, none of the spawner's") {
  run([] {
    auto flat = weft::spawn([] { return deeper(0, [] { return walk_stack().frames; }); });
    auto deep = weft::spawn([] { return deeper(100, [] { return walk_stack().frames; }); });
    auto from_deep = deeper(100, [] {
      return weft::spawn([] { return deeper(0, [] { return walk_stack().frames; }); });
    });
    const int base = flat.get();
    CHECK(deep.get() == base + 100);
    CHECK(from_deep.get() == base);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 87: glibc's backtrace(3) ends at the fiber's entry") {
  run([] {
    auto walker = weft::spawn([] {
      const int before = glibc_frames();
      weft::yield();
      CHECK(glibc_frames() == before);
      return before;
    });
    const int frames = walker.get();
    CHECK(frames >= 2);
    CHECK(frames < entry_frames_at_most);
  });
}

TEST_CASE("a fiber to stop at in gdb" * doctest::test_suite("subjects")) {
  int ran = 0;
  weft::run([&] {
    weft::spawn([&] {
      weft::yield();
      weft_tests_gdb_stops_here();
      ++ran;
    }).get();
  });
  CHECK(ran == 1);
}

TEST_CASE("sem 87: gdb's bt ends cleanly at the fiber's entry") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_debugger_under_emulation);
  if (weft_tests::is_sanitized) WEFT_SKIP("LeakSanitizer and TSan do not run under a debugger");
  const auto end = weft_tests::run_program(
      {"gdb", "-batch", "-nx", "-ex", "set confirm off", "-ex", "set debuginfod enabled off", "-ex",
       "break weft_tests_gdb_stops_here", "-ex", "run", "-ex", "bt", "-ex", "kill", "--args",
       weft_tests::this_program(), "--test-suite=subjects", "--no-breaks"});
  if (end.status == 127) WEFT_SKIP("gdb is not installed");
  if (!end.says("weft_tests_gdb_stops_here")) WEFT_SKIP("gdb cannot start programs here");
  CAPTURE(end.output);
  CHECK_FALSE(end.says("Backtrace stopped"));
  CHECK_FALSE(end.says("corrupt stack"));
  CHECK_FALSE(end.says("Cannot access memory"));
  int frames = 0;
  std::istringstream lines(end.output);
  for (std::string text; std::getline(lines, text);) frames += text.rfind('#', 0) == 0 ? 1 : 0;
  CHECK(frames >= 3);
  CHECK(frames < entry_frames_at_most);
}
