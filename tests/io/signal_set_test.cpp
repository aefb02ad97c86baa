// SPDX-License-Identifier: BSL-1.0
// Signals are waited for like anything else, and given back afterwards.
#include "weft/signal_set.hpp"

#include <signal.h>
#include <unistd.h>

#include <chrono>
#include <stdexcept>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::signal_set;
using weft::spawn;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

volatile sig_atomic_t handled = 0;
void note_signal(int) { handled = handled + 1; }

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "signals of a set are waited for, one after the other") {
  run([] {
    signal_set both{SIGUSR1, SIGUSR2};
    auto waits = spawn([&] { return both.wait(); });
    weft::yield();
    ::kill(::getpid(), SIGUSR2);
    CHECK(waits.get() == SIGUSR2);
    ::kill(::getpid(), SIGUSR1);
    CHECK(both.wait() == SIGUSR1);
  });
}

TEST_CASE("a wait for a signal can be given up, and loses none") {
  on_virtual_time().run([] {
    signal_set one{SIGUSR1};
    CHECK_THROWS_AS(weft::with_timeout(1h, [&] { one.wait(); }), weft::timeout_error);
    ::kill(::getpid(), SIGUSR1);
    CHECK(one.wait() == SIGUSR1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "what was not waited for is delivered when the set ends") {
  handled = 0;
  struct sigaction before {};
  struct sigaction ours {};
  ours.sa_handler = &note_signal;
  ::sigaction(SIGUSR1, &ours, &before);
  {
    const signal_set one{SIGUSR1};
    ::raise(SIGUSR1);
    CHECK(handled == 0);
  }
  CHECK(handled == 1);
  ::sigaction(SIGUSR1, &before, nullptr);
}

TEST_CASE_FIXTURE(no_leaks,
                  "a second signal does not disturb an end that the first one has begun") {
  run([] {
    signal_set ends{SIGUSR1, SIGUSR2};
    ::raise(SIGUSR1);
    CHECK(ends.wait() == SIGUSR1);
    ::raise(SIGUSR1);  // would end the program
    ::raise(SIGUSR2);
  });
}

TEST_CASE("what is no signal is refused by its number") {
  CHECK_THROWS_WITH_AS(signal_set({SIGUSR1, 0}), "weft: signal_set was given 0, which is no signal",
                       std::logic_error);
  CHECK_THROWS_AS(signal_set({65}), std::logic_error);
}
