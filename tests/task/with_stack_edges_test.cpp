// SPDX-License-Identifier: BSL-1.0
// What looks at stacks from outside takes with_stack()'s for the fiber's own: unwinders, debuggers,
// sanitizers, valgrind. with_stack_test.cpp tells what it does.
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <execinfo.h>
#include <pthread.h>
#include <sys/mman.h>
#include <unwind.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "task/stack_sizes.hpp"
#include "weft/stack_source.hpp"
#include "weft/weft.hpp"

using weft::with_stack;
using weft_tests::KiB;
using weft_tests::MiB;
using weft_tests::no_leaks;
using weft_tests::own_stack;
using weft_tests::run_child;

namespace {

std::size_t count_of(const std::string& text, const char* part) {
  std::size_t count = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

struct walk {
  int frames = 0;
  bool has_caller = false;
  _Unwind_Reason_Code end = _URC_NO_REASON;
  const void* sought = nullptr;
};

[[gnu::noinline]] walk walk_stack(const void* sought) {
  walk found;
  found.sought = sought;
  found.end = _Unwind_Backtrace(
      [](_Unwind_Context* at, void* into) {
        walk& counting = *static_cast<walk*>(into);
        if (_Unwind_FindEnclosingFunction(reinterpret_cast<void*>(_Unwind_GetIP(at) - 1)) ==
            counting.sought) {
          counting.has_caller = true;
        }
        return ++counting.frames < 5000 ? _URC_NO_REASON : _URC_NORMAL_STOP;
      },
      &found);
  return found;
}

}  // namespace

// What the walks below must meet, and what gdb stops at. C names outside a namespace, for gdb.
extern "C" [[gnu::noinline]] void weft_tests_gdb_stops_above() { asm volatile("" : : : "memory"); }

extern "C" [[gnu::noinline]] int weft_tests_caller_below(std::size_t bytes) {
  const int sum = with_stack(bytes, [bytes] {
    weft::yield();
    const walk found = walk_stack(reinterpret_cast<const void*>(&weft_tests_caller_below));
    CHECK(found.has_caller);
    CHECK(found.end == _URC_END_OF_STACK);
    void* frames[200];
    const int count = backtrace(frames, 200);
    // backtrace(3) leaves out nothing: both see the same frames, but for those of the walker.
    CHECK(count >= found.frames - 5);
    CHECK(count <= found.frames + 5);
    weft_tests_gdb_stops_above();
    return bytes > MiB ? weft_tests_caller_below(bytes / 2) : 1;
  });
  asm volatile("" : : : "memory");  // no tail call
  return sum + 1;
}

TEST_CASE_FIXTURE(no_leaks, "with_stack: unwinders walk through it to the caller and to the end") {
  run([] { CHECK(weft::spawn([] { return weft_tests_caller_below(4 * MiB); }).get() == 4); });
}

namespace {

// Places each mapping above or below the one before: gdb takes a step downwards, from a stack to
// its caller's, for a corrupt stack, unless it is told.
class placing final : public weft::stack_source {
 public:
  explicit placing(bool upwards) : upwards_(upwards) {
    low_ = static_cast<char*>(mmap(nullptr, room, PROT_READ | PROT_WRITE,
                                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
    if (low_ == MAP_FAILED) std::abort();
    at_ = upwards ? low_ : low_ + room;
  }
  ~placing() override { munmap(low_, room); }
  placing(const placing&) = delete;
  placing& operator=(const placing&) = delete;

  void* map(std::size_t bytes) noexcept override {
    if (upwards_) return std::exchange(at_, at_ + bytes);
    return at_ -= bytes;
  }
  void unmap(void*, std::size_t) noexcept override {}

 private:
  static constexpr std::size_t room = 1024 * MiB;
  bool upwards_;
  char* low_ = nullptr;
  char* at_ = nullptr;
};

}  // namespace

TEST_CASE("with_stack for gdb" * doctest::test_suite("subjects")) {
  for (const bool upwards : {true, false}) {
    placing source(upwards);
    weft::options how;
    how.stacks = &source;
    weft::run(how, [upwards] {
      weft::spawn([upwards] {
        const char* const below = own_stack()->limit;
        const bool is_above = with_stack(MiB, [=] { return own_stack()->limit > below; });
        CHECK(is_above == upwards);
        weft_tests_caller_below(MiB);
      }).get();
    });
  }
}

TEST_CASE("with_stack: gdb's bt reaches the caller, whichever stack lies higher") {
  if (weft_tests::is_sanitized) WEFT_SKIP("LeakSanitizer and TSan do not run under a debugger");
  const auto end = weft_tests::run_program({"gdb",
                                            "-batch",
                                            "-nx",
                                            "-ex",
                                            "set confirm off",
                                            "-ex",
                                            "set debuginfod enabled off",
                                            "-ex",
                                            "break weft_tests_gdb_stops_above",
                                            "-ex",
                                            "run",
                                            "-ex",
                                            "bt",
                                            "-ex",
                                            "continue",
                                            "-ex",
                                            "bt",
                                            "-ex",
                                            "kill",
                                            "--args",
                                            weft_tests::this_program(),
                                            "--test-suite=subjects",
                                            "--no-breaks"});
  if (end.status == 127) WEFT_SKIP("gdb is not installed");
  if (!end.says("weft_tests_gdb_stops_above")) WEFT_SKIP("gdb cannot start programs here");
  CAPTURE(end.output);
  CHECK_FALSE(end.says("Backtrace stopped"));
  CHECK_FALSE(end.says("corrupt stack"));
  CHECK_FALSE(end.says("Cannot access memory"));
  CHECK(count_of(end.output, "weft_tests_caller_below (") == 2);
  CHECK(count_of(end.output, "context_entry ()") == 2);
}

TEST_CASE("pthread_exit inside with_stack ends the process, naming fiber and call") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer ends a thread before its stack is unwound");
  const auto end = run_child([] {
    weft::run([] {
      weft::spawn({"leaver"}, [] { with_stack(MiB, [] { pthread_exit(nullptr); }); }).join();
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(
      end.says("weft: pthread_exit() or pthread_cancel() ended the thread inside fiber 2 'leaver', "
               "in a call of with_stack()."));
}

namespace {

// Throws through frames that hold arrays (their red zones must go), across parks and stacks.
[[gnu::noinline]] int thrower(int depth) {
  volatile char block[256] = {};
  block[static_cast<std::size_t>(depth)] = 1;
  if (depth == 0) {
    weft::yield();
    throw std::runtime_error("bottom");
  }
  if (depth % 5 == 0) return with_stack(MiB, [=] { return thrower(depth - 1); }) + block[0];
  return thrower(depth - 1) + block[0];
}

int catches(int rounds) {
  int caught = 0;
  for (int i = 0; i < rounds; ++i) {
    try {
      thrower(i % 20);
    } catch (const std::runtime_error&) {
      weft::yield();
      ++caught;
    }
  }
  return caught;
}

int whole_program() {
  return weft::run([] {
    std::vector<weft::task<int>> fibers;
    for (int i = 0; i < 30; ++i) {
      fibers.push_back(
          weft::spawn([] { return with_stack(512 * KiB, [] { return catches(40); }); }));
    }
    int sum = with_stack(MiB, [] { return catches(40); });
    for (auto& one : fibers) sum += one.get();
    return sum == 31 * 40 ? 0 : 1;
  });
}

}  // namespace

// In a child, because a sanitizer that only warns would not fail the test.
TEST_CASE("H14 H15: exceptions and parks across with_stack are silent under sanitizers") {
  const auto end = run_child([] {
    setenv("WEFT_STALL_MS", "0", 1);  // a loaded machine is not to be told of
    return whole_program();
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("with_stack for valgrind" * doctest::test_suite("valgrind")) {
  CHECK(whole_program() == 0);
}

TEST_CASE("H17: with_stack runs under valgrind memcheck in silence") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_debugger_under_emulation);
  if (weft_tests::is_sanitized) WEFT_SKIP("valgrind does not run sanitizer builds");
  const auto end =
      weft_tests::run_program({"valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full",
                               "--errors-for-leak-kinds=definite", weft_tests::this_program(),
                               "--test-suite=valgrind", "--minimal", "--no-breaks"});
  if (end.status == 127) WEFT_SKIP("valgrind is not installed");
  if (end.says("debuginfo reader"))
    WEFT_SKIP("this valgrind cannot read the compiler's debug info");
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK_FALSE(end.says("=="));
}

#if WEFT_TESTS_ASAN
// Out of line: UndefinedBehaviorSanitizer would see the array's bounds, and speak first.
[[gnu::noinline]] static void write_at(volatile char* block, int index) { block[index] = 1; }
#endif

TEST_CASE("H14: AddressSanitizer finds an overrun inside with_stack, and one after it") {
#if WEFT_TESTS_ASAN
  for (const bool is_inside : {true, false}) {
    const auto end = run_child([is_inside] {
      weft::run([is_inside] {
        weft::spawn([is_inside] {
          volatile char below[32] = {};
          volatile int beyond = 32;
          with_stack(MiB, [&] {
            volatile char above[32] = {};
            weft::yield();
            if (is_inside) write_at(above, beyond);
            beyond = 32 + above[0];
          });
          write_at(below, beyond);
        }).join();
      });
      return 0;
    });
    CAPTURE(end.output);
    CHECK(end.says("stack-buffer-overflow"));
    CHECK(end.status != 0);
  }
#else
  WEFT_SKIP("not built with AddressSanitizer");
#endif
}

TEST_CASE("H14: a local of the call is dead after it: use after return is found") {
#if WEFT_TESTS_ASAN
  const char* const asked = std::getenv("ASAN_OPTIONS");
  if (asked == nullptr || std::strstr(asked, "detect_stack_use_after_return=1") == nullptr) {
    WEFT_SKIP("ASAN_OPTIONS does not ask for detect_stack_use_after_return=1");
  }
  const auto end = run_child([] {
    weft::run([] {
      volatile char* gone = nullptr;
      // clang gives no fake frame to a function with inlined assembler, which a yield has.
      const auto leave = [] { weft::yield(); };
      with_stack(MiB, [&] {
        volatile char local[64] = {};
        gone = local;
        leave();
      });
      gone[0] = 1;
    });
    return 0;
  });
  CHECK(end.status != 0);
#else
  WEFT_SKIP("not built with AddressSanitizer");
#endif
}
