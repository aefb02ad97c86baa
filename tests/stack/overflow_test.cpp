// SPDX-License-Identifier: BSL-1.0
// A fiber that overflows its stack dies at its guard, by name, before it writes into a neighbour.
// Each case runs in a child process, since it ends with SIGSEGV.
#include <csignal>
#include <cstring>
#include <thread>

#include <unistd.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

using weft_tests::run_child;

namespace {

// Touches its lowest bytes first: the frame reaches 60 KiB below the caller in one step.
[[gnu::noinline]] void big_frame() {
  volatile char block[60 * 1024];
  block[0] = 1;
  asm volatile("" : : "r"(&block) : "memory");
}

[[gnu::noinline]] int dive(int depth) {
  volatile char block[512];
  block[0] = static_cast<char>(depth);
  const int below = depth > 0 ? dive(depth - 1) : 0;
  return below + block[0];
}

weft::spawn_options named(const char* name, std::size_t bytes) {
  weft::spawn_options how;
  how.name = name;
  how.stack_bytes = bytes;
  return how;
}

struct sigaction segv_action() {
  struct sigaction present {};
  sigaction(SIGSEGV, nullptr, &present);
  return present;
}

bool is_default(const struct sigaction& action) {
  return (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_DFL;
}

[[gnu::noinline]] void write_to_nowhere() {
  int* volatile nowhere = reinterpret_cast<int*>(16);
  *nowhere = 1;
}

}  // namespace

TEST_CASE("H7: deep recursion dies by SIGSEGV with the fiber's name and its stack's size") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  const auto end = run_child([] {
    weft::run([] { weft::spawn(named("diver", 64 * 1024), [] { dive(1'000'000); }).join(); });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGSEGV);
  CHECK(
      end.says("weft: fiber 2 'diver' overflowed its 64 KiB stack: a write hit the guard below "
               "it. Give it more with spawn_options::stack_bytes (options::stack_bytes for all "
               "fibers), or look for deep recursion and large local arrays.\n"));
}

TEST_CASE("H7: a 60 KiB frame on the smallest stack does not jump over the guard") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  const auto end = run_child([] {
    weft::run([] {
      auto neighbour = weft::spawn(named("neighbour", 1), [] { weft::yield(); });
      weft::spawn(named("wide", 1), [] { big_frame(); }).join();
    });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGSEGV);
  CHECK(end.says("weft: fiber 3 'wide' overflowed its "));
}

TEST_CASE("H7: a fiber without a name is named by its number") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  const auto end = run_child([] {
    weft::run([] { weft::spawn([] { dive(1'000'000); }).join(); });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGSEGV);
  CHECK(end.says("weft: fiber 2 overflowed its 256 KiB stack: "));
}

TEST_CASE("H7: overflow_report::always reports on another thread") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_guards_under_emulation);
  const auto end = run_child([] {
    std::thread([] {
      weft::options how;
      how.overflow = weft::overflow_report::always;
      weft::run(how, [] { weft::spawn(named("afar", 0), [] { dive(1'000'000); }).join(); });
    }).join();
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.signal == SIGSEGV);
  CHECK(end.says("weft: fiber 2 'afar' overflowed its 256 KiB stack: "));
}

TEST_CASE("H7: always: a fault that is not weft's reaches the handler that was there before") {
  const auto end = run_child([] {
    struct sigaction mine {};
    mine.sa_flags = SA_SIGINFO;
    mine.sa_sigaction = [](int, siginfo_t* info, void*) {
      const char text[] = "the program's own handler\n";
      const bool is_right = info->si_addr == reinterpret_cast<void*>(16);
      if (write(STDERR_FILENO, text, sizeof text - 1) > 0) _exit(is_right ? 7 : 8);
    };
    sigaction(SIGSEGV, &mine, nullptr);
    weft::options how;
    how.overflow = weft::overflow_report::always;
    weft::run(how, [] { weft::spawn([] { write_to_nowhere(); }).join(); });
    return 0;
  });
  CAPTURE(end.output);
  CHECK(end.status == 7);
  CHECK(end.output == "the program's own handler\n");
}

TEST_CASE("H7: always: a handler of the plain kind is called as well") {
  const auto end = run_child([] {
    std::signal(SIGSEGV, [](int) { _exit(9); });
    weft::options how;
    how.overflow = weft::overflow_report::always;
    weft::run(how, [] { write_to_nowhere(); });
    return 0;
  });
  CHECK(end.status == 9);
}

TEST_CASE("H7: a fault that is nobody's ends the process by SIGSEGV, without a word of weft") {
  const auto end = run_child([] {
    weft::run([] { weft::spawn([] { write_to_nowhere(); }).join(); });
    return 0;
  });
  CHECK(end.signal == SIGSEGV);
  CHECK_FALSE(end.says("weft:"));
}

TEST_CASE("H7: a SIGSEGV that another process sent still ends the process") {
  const auto end = run_child([] {
    weft::run([] {
      kill(getpid(), SIGSEGV);
      weft::await_sleep(std::chrono::milliseconds(1));
    });
    return 0;
  });
  CHECK(end.signal == SIGSEGV);
}

TEST_CASE("H7: if_default leaves the program's own SIGSEGV handler alone") {
  const auto end = run_child([] {
    auto mine = [](int) { _exit(9); };
    void (*const handler)(int) = mine;
    std::signal(SIGSEGV, handler);
    bool same_inside = false;
    weft::run([&] {
      weft::spawn([] {}).join();
      same_inside = segv_action().sa_handler == handler;
    });
    return same_inside && segv_action().sa_handler == handler ? 0 : 1;
  });
  CHECK(end.status == 0);
}

TEST_CASE("H7: the handler and the alternate stack are gone when run() has returned") {
  const auto end = run_child([] {
    bool handled_inside = false;
    weft::run([&] { handled_inside = !is_default(segv_action()); });
    stack_t alternate{};
    sigaltstack(nullptr, &alternate);
    const bool disabled = (alternate.ss_flags & SS_DISABLE) != 0;
    return handled_inside && is_default(segv_action()) && disabled ? 0 : 1;
  });
  CHECK(end.status == 0);
}

TEST_CASE("H7: overflow_report::never does not touch SIGSEGV") {
  const auto end = run_child([] {
    weft::options how;
    how.overflow = weft::overflow_report::never;
    bool untouched = false;
    weft::run(how, [&] { untouched = is_default(segv_action()); });
    return untouched ? 0 : 1;
  });
  CHECK(end.status == 0);
}

TEST_CASE("H7: if_default on a thread other than the main one leaves SIGSEGV alone") {
  const auto end = run_child([] {
    bool untouched = false;
    std::thread([&] { weft::run([&] { untouched = is_default(segv_action()); }); }).join();
    return untouched ? 0 : 1;
  });
  CHECK(end.status == 0);
}

TEST_CASE("H7: an alternate stack that the thread brought is kept") {
  const auto end = run_child([] {
    static char own[64 * 1024];
    stack_t mine{};
    mine.ss_sp = own;
    mine.ss_size = sizeof own;
    sigaltstack(&mine, nullptr);
    stack_t inside{};
    weft::run([&] { sigaltstack(nullptr, &inside); });
    stack_t after{};
    sigaltstack(nullptr, &after);
    return inside.ss_sp == own && after.ss_sp == own ? 0 : 1;
  });
  CHECK(end.status == 0);
}
