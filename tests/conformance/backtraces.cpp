// SPDX-License-Identifier: BSL-1.0
// Conformance of a backend: whoever walks a stack (gdb, backtrace(3), _Unwind_Backtrace, a profiler
// along frame pointers) passes the switch and ends at the side's entry.
#include <cstdint>
#include <sstream>
#include <string>

#include <execinfo.h>
#include <unwind.h>

#include <doctest/doctest.h>

#include "context/flow.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::flow;
using weft_tests::hop;
using weft_tests::no_leaks;

extern "C" void WEFT_C_NAME(context_entry)();

namespace {

struct seen_frames {
  int count = 0;
  void* outermost = nullptr;  // the function that the last one belongs to
  _Unwind_Reason_Code end = _URC_NO_REASON;
};

WEFT_NOINLINE seen_frames unwound_frames() {
  seen_frames seen;
  seen.end = _Unwind_Backtrace(
      [](_Unwind_Context* frame, void* into) {
        auto& counting = *static_cast<seen_frames*>(into);
        if (const auto address = _Unwind_GetIP(frame); address != 0) {
          counting.outermost = _Unwind_FindEnclosingFunction(reinterpret_cast<void*>(address - 1));
        }
        return ++counting.count < 5000 ? _URC_NO_REASON : _URC_NORMAL_STOP;
      },
      &seen);
  return seen;
}

WEFT_NOINLINE int libc_frames() {
  static void* frames[5000];
  return backtrace(frames, 5000);
}

// A stack of its own between the switch and the bottom, so that counts can be compared.
template <class F>
WEFT_NOINLINE int frames_below(int levels, F count) {
  const int seen = levels == 0 ? count() : frames_below(levels - 1, count);
  asm volatile("" : : "r"(&seen) : "memory");  // no tail call
  return seen;
}

bool ends_at_entry(const seen_frames& seen) {
  return seen.end == _URC_END_OF_STACK &&
         seen.outermost == reinterpret_cast<void*>(&WEFT_C_NAME(context_entry));
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": H20: _Unwind_Backtrace ends at the entry, fresh and resumed") {
  if (weft_tests::is_asan) WEFT_SKIP("nobody tells AddressSanitizer where a bare stack lies");
  flow here;
  seen_frames first;
  seen_frames resumed;
  seen_frames after_an_end;
  flow second([&](flow&) {
    after_an_end = unwound_frames();
    return &here;
  });
  flow there([&](flow& self) {
    first = unwound_frames();
    hop(self, here);
    resumed = unwound_frames();
    return &second;
  });
  hop(here, there);
  hop(here, there);
  CHECK(ends_at_entry(first));
  CHECK(ends_at_entry(resumed));
  CHECK(ends_at_entry(after_an_end));
  CHECK(first.count == resumed.count);
}

TEST_CASE_FIXTURE(no_leaks, WEFT_BACKEND_NAME
                  ": sem 87: in a fiber both unwinders count the calls, and end at the entry") {
  run([] {
    for (const int deep : {0, 50}) {
      auto fiber = weft::spawn([deep] {
        const int base = frames_below(0, [] { return unwound_frames().count; });
        const int libc_base = frames_below(0, [] { return libc_frames(); });
        weft::yield();
        CHECK(ends_at_entry(unwound_frames()));
        CHECK(frames_below(deep, [] { return unwound_frames().count; }) == base + deep);
        CHECK(frames_below(deep, [] { return libc_frames(); }) == libc_base + deep);
        return libc_base;
      });
      CHECK(frames_below(100, [&] { return fiber.get(); }) < 30);  // nothing of the spawner's
    }
  });
}

namespace {

// Walks its stack in both ways from the function that the entry calls: along frame records, as perf
// does with -fno-omit-frame-pointer, and by unwind tables.
struct stack_walker : weft::detail::context {
  weft::detail::context back;
  const void* below = &back;
  seen_frames seen;

  static weft::detail::context* walk(weft::detail::context* self) noexcept {
    auto& mine = *static_cast<stack_walker*>(self);
    mine.below = *static_cast<void**>(__builtin_frame_address(0));
    mine.seen = unwound_frames();
    return &mine.back;
  }
};

// Above the stack's top lies what looks like return addresses: no walker may come to read them.
stack_walker walk_below_bait() {
  constexpr std::size_t words = 16 * 1024;
  constexpr std::size_t bait_words = 64;
  alignas(64) static std::uintptr_t memory[words + bait_words];
  for (std::size_t i = words; i < words + bait_words; ++i) {
    memory[i] = reinterpret_cast<std::uintptr_t>(&libc_frames) + 4;
  }
  stack_walker fresh;
  weft::detail::make_context(fresh, memory + words, words * sizeof memory[0], &stack_walker::walk);
  WEFT_C_NAME(context_switch)(&fresh.back, &fresh);
  return fresh;
}

}  // namespace

TEST_CASE(WEFT_BACKEND_NAME ": H20: the chain of frame records ends with a null at the entry") {
  if (weft_tests::is_tsan) WEFT_SKIP("nobody tells ThreadSanitizer of this context");
  CHECK(walk_below_bait().below == nullptr);
}

TEST_CASE(WEFT_BACKEND_NAME
          ": H20: unwind tables end at the entry, whatever lies above the stack") {
  if (weft_tests::is_sanitized) WEFT_SKIP("nobody tells the sanitizers of this context");
  CHECK(ends_at_entry(walk_below_bait().seen));
}

// gdb's breakpoint. One for each backend, by C names: for its command line.
#if WEFT_CONTEXT_ASM
#define WEFT_TESTS_GDB_STOP weft_tests_gdb_stops_here_asm
#define WEFT_TESTS_GDB_STOP_NAME "weft_tests_gdb_stops_here_asm"
#else
#define WEFT_TESTS_GDB_STOP weft_tests_gdb_stops_here_fcontext
#define WEFT_TESTS_GDB_STOP_NAME "weft_tests_gdb_stops_here_fcontext"
#endif
extern "C" WEFT_NOINLINE void WEFT_TESTS_GDB_STOP() { asm volatile("" : : : "memory"); }

TEST_CASE(WEFT_BACKEND_NAME ": a fiber to stop at in gdb" * doctest::test_suite("subjects")) {
  int ran = 0;
  weft::run([&] {
    weft::spawn([&] {
      weft::yield();
      WEFT_TESTS_GDB_STOP();
      ++ran;
    }).get();
  });
  CHECK(ran == 1);
}

TEST_CASE(WEFT_BACKEND_NAME ": sem 87: gdb's bt ends cleanly at a resumed fiber's entry") {
  if (weft_tests::is_sanitized) WEFT_SKIP("LeakSanitizer and TSan do not run under a debugger");
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_debugger_under_emulation);
  const auto end = weft_tests::run_program({"gdb",
                                            "-batch",
                                            "-nx",
                                            "-ex",
                                            "set confirm off",
                                            "-ex",
                                            "set debuginfod enabled off",
                                            "-ex",
                                            "break " WEFT_TESTS_GDB_STOP_NAME,
                                            "-ex",
                                            "run",
                                            "-ex",
                                            "bt",
                                            "-ex",
                                            "kill",
                                            "--args",
                                            weft_tests::this_program(),
                                            "--test-suite=subjects",
                                            "--no-breaks",
                                            "--test-case=" WEFT_BACKEND_NAME "*"});
  if (end.status == 127) WEFT_SKIP("gdb is not installed");
  if (!end.says(WEFT_TESTS_GDB_STOP_NAME " (")) WEFT_SKIP("gdb cannot start programs here");
  CAPTURE(end.output);
  CHECK_FALSE(end.says("Backtrace stopped"));
  CHECK_FALSE(end.says("corrupt stack"));
  CHECK_FALSE(end.says("Cannot access memory"));
  int frames = 0;
  std::string last;
  std::istringstream lines(end.output);
  for (std::string text; std::getline(lines, text);) {
    if (text.rfind('#', 0) != 0) continue;
    ++frames;
    last = text;
  }
  CHECK(frames >= 3);
  CHECK(frames < 30);
  CHECK(last.find("context_entry") != std::string::npos);
}
