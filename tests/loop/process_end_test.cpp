// SPDX-License-Identifier: BSL-1.0
// The rough ways out of a program, taken inside a fiber: each ends the process as its users expect.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>

#include <pthread.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::run_child;

namespace {

// At exit on a fiber's stack it looks for pointers there, and not on the stack of main.
constexpr const char* blind_leak_check = "LeakSanitizer takes what main's frames hold for leaks";

void note_exit() { std::fprintf(stderr, "atexit ran\n"); }

}  // namespace

TEST_CASE("std::exit inside a fiber ends the process with its status, after atexit handlers") {
  if (weft_tests::is_asan) WEFT_SKIP(blind_leak_check);
  const auto end = run_child([] {
    std::atexit(&note_exit);
    weft::run([] {
      auto parked = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
      weft::spawn([] { std::exit(3); }).join();
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.status == 3);
  CHECK(end.says("atexit ran"));
}

TEST_CASE("std::exit inside main, with other fibers parked, ends the process with its status") {
  const auto end = run_child([] {
    weft::run([] {
      auto parked = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
      weft::yield();
      std::exit(4);
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.status == 4);
}

TEST_CASE("std::exit inside a fiber of a static runner leaves the loop alone") {
  if (weft_tests::is_asan) WEFT_SKIP(blind_leak_check);
  const auto end = run_child([] {
    static weft::runner forever;
    forever.run([] { weft::spawn([] { std::exit(5); }).join(); });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.status == 5);
}

TEST_CASE("a static runner that is not running is closed by std::exit") {
  const auto end = run_child([]() -> int {
    static weft::runner forever;
    forever.run([] {
      weft::spawn([] {
        struct note {
          ~note() { std::fprintf(stderr, "unwound\n"); }
        } here;
        weft::await_sleep(weft::duration::max());
      }).detach();
      weft::yield();
    });
    std::exit(6);
  });
  CAPTURE(end.output);
  CHECK(end.status == 6);
  CHECK(end.says("unwound"));
}

TEST_CASE("pthread_exit in a fiber ends the process, naming the fiber") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer ends a thread before its stack is unwound");
  const auto end = run_child([] {
    weft::run([] { weft::spawn({"leaver"}, [] { pthread_exit(nullptr); }).join(); });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(
      end.says("weft: pthread_exit() or pthread_cancel() ended the thread inside fiber 2 'leaver' "
               "(spawned at process_end_test.cpp:"));
  CHECK(
      end.says("). A thread's end would leave the other fibers of its loop hanging: return from "
               "the function instead, or cancel the task.\n"));
}

TEST_CASE("pthread_exit in main ends the process, naming it") {
  if (weft_tests::is_tsan) WEFT_SKIP("ThreadSanitizer ends a thread before its stack is unwound");
  const auto end = run_child([] {
    weft::run([] { pthread_exit(nullptr); });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGABRT);
  CHECK(
      end.says("weft: pthread_exit() or pthread_cancel() ended the thread inside fiber 1 'main'."));
}

TEST_CASE("std::terminate in a fiber aborts as in any program") {
  const auto end = run_child([] {
    weft::run([] {
      void (*const volatile thrower)() = [] { throw 1; };
      weft::spawn([=]() noexcept { thrower(); }).join();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("terminate called"));
}

TEST_CASE("_exit in a fiber ends the process at once") {
  const auto end = run_child([] {
    std::atexit(&note_exit);
    weft::run([] { weft::spawn([] { _exit(7); }).join(); });
    return 0;
  });
  CHECK(end.status == 7);
  CHECK_FALSE(end.says("atexit ran"));
}
