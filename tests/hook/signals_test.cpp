// SPDX-License-Identifier: BSL-1.0
// EINTR: if and only if a handler without SA_RESTART ran. The loop sleeps in epoll_wait, which each
// handler interrupts.
#include <chrono>
#include <csignal>

#include <poll.h>
#include <pthread.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::call_end;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::gave;
using weft_tests::hooked;

namespace {

volatile sig_atomic_t plain_calls = 0;
volatile sig_atomic_t informed_calls = 0;
void note_plain(int) { plain_calls = plain_calls + 1; }
void note_informed(int, siginfo_t* info, void*) {
  if (info->si_signo == SIGUSR2) informed_calls = informed_calls + 1;
}

struct handler {
  handler(int number, int flags) : number_(number) {
    struct sigaction wanted {};
    if ((flags & SA_SIGINFO) != 0) {
      wanted.sa_sigaction = &note_informed;
    } else {
      wanted.sa_handler = &note_plain;
    }
    wanted.sa_flags = flags;
    REQUIRE(sigaction(number, &wanted, &before_) == 0);
  }
  ~handler() { sigaction(number_, &before_, nullptr); }
  handler(const handler&) = delete;
  handler& operator=(const handler&) = delete;

 private:
  const int number_;
  struct sigaction before_ {};
};

// How a read ends that is parked when the thread gets this signal; then data comes.
call_end read_through_signal(int number) {
  weft_tests::pipe_pair pipe;
  call_end end;
  auto reader = spawn([&] {
    char byte = 0;
    end = end_of([&] { return read(pipe[0], &byte, 1); });
  });
  weft::yield();
  pthread_kill(pthread_self(), number);
  for (int i = 0; i < 3; ++i) weft::await_sleep(1ms);
  if (!reader.done()) CHECK(write(pipe[1], "x", 1) == 1);
  reader.get();
  return end;
}

// Deprecated, and still what some programs call.
int interrupt(int number, int flag) {
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  return siginterrupt(number, flag);
#pragma GCC diagnostic pop
}

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: a handler without SA_RESTART ends a parked call with EINTR") {
  run([] {
    const handler own(SIGUSR1, 0);
    const auto before = plain_calls;
    CHECK(read_through_signal(SIGUSR1) == failed(EINTR));
    CHECK(plain_calls == before + 1);
    const handler informed(SIGUSR2, SA_SIGINFO);
    CHECK(read_through_signal(SIGUSR2) == failed(EINTR));
    CHECK(informed_calls == 1);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a handler with SA_RESTART ends nothing, even beside one without") {
  run([] {
    const handler restarting(SIGUSR1, SA_RESTART);
    const handler interrupting(SIGUSR2, SA_SIGINFO);
    CHECK(read_through_signal(SIGUSR1) == gave(1));
    CHECK(read_through_signal(SIGUSR2) == failed(EINTR));
    CHECK(read_through_signal(SIGUSR1) == gave(1));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a handler that ran before a call does not interrupt it") {
  run([] {
    const handler own(SIGUSR1, 0);
    weft_tests::pipe_pair pipe;
    auto writer = spawn([&] {
      weft::await_sleep(1ms);
      CHECK(write(pipe[1], "x", 1) == 1);
    });
    pthread_kill(pthread_self(), SIGUSR1);  // it has run when this returns
    char byte = 0;
    CHECK(end_of([&] { return read(pipe[0], &byte, 1); }) == gave(1));
    writer.get();
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: a sleep that is interrupted tells what is left, and poll ends as well") {
  run([] {
    const handler own(SIGUSR1, 0);
    const timespec span{100, 0};
    timespec left{};
    call_end slept;
    call_end polled;
    auto sleeper = spawn([&] { slept = end_of([&] { return nanosleep(&span, &left); }); });
    auto poller = spawn([&] { polled = end_of([&] { return poll(nullptr, 0, 100'000); }); });
    auto weft_sleeper = spawn([] { weft::await_sleep(5ms); });
    weft::yield();
    pthread_kill(pthread_self(), SIGUSR1);
    sleeper.get();
    poller.get();
    weft_sleeper.get();  // no call of the C library's: undisturbed
    CHECK(slept == failed(EINTR));
    CHECK(polled == failed(EINTR));
    CHECK((left.tv_sec == 99 || left.tv_sec == 100));
    unsigned unslept = 0;
    auto whole = spawn([&] { unslept = sleep(100); });
    weft::yield();
    pthread_kill(pthread_self(), SIGUSR1);
    whole.get();
    CHECK((unslept == 99 || unslept == 100));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: who asks for a handler is told the program's own") {
  for (const int flags : {0, SA_SIGINFO, SA_RESTART}) {
    const handler own(SIGUSR1, flags);
    struct sigaction told {};
    REQUIRE(sigaction(SIGUSR1, nullptr, &told) == 0);
    CHECK((told.sa_flags & (SA_SIGINFO | SA_RESTART)) == flags);
    if (flags == SA_SIGINFO) {
      CHECK((told.sa_sigaction == &note_informed));
    } else {
      CHECK((told.sa_handler == &note_plain));
    }
  }
  const handler own(SIGUSR1, 0);
  CHECK((signal(SIGUSR1, SIG_IGN) == &note_plain));
  CHECK((signal(SIGUSR1, &note_plain) == SIG_IGN));
  CHECK(interrupt(SIGUSR1, 1) == 0);
  run([] { CHECK(read_through_signal(SIGUSR1) == failed(EINTR)); });
  CHECK(interrupt(SIGUSR1, 0) == 0);
}
