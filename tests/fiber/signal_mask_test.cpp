// SPDX-License-Identifier: BSL-1.0
// The signal mask is the thread's, and its fibers share it: to save it at each switch would cost
// two system calls (swapcontext's). weft itself leaves it as it is, also while it waits in the
// kernel.
#include <pthread.h>
#include <signal.h>

#include <chrono>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/event.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/time.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;

namespace {

volatile sig_atomic_t deliveries = 0;

// SIGUSR2 as the test began, handler and mask.
class restored_signal {
 public:
  restored_signal() {
    deliveries = 0;
    struct sigaction counts {};
    counts.sa_handler = [](int) { deliveries = deliveries + 1; };
    REQUIRE(::sigaction(SIGUSR2, &counts, &before_) == 0);
    REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &mask_) == 0);
  }
  ~restored_signal() {
    ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr);
    ::sigaction(SIGUSR2, &before_, nullptr);
  }
  restored_signal(const restored_signal&) = delete;
  restored_signal& operator=(const restored_signal&) = delete;

 private:
  struct sigaction before_ {};
  sigset_t mask_{};
};

void change_mask(int how) {
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, SIGUSR2);
  REQUIRE(::pthread_sigmask(how, &one, nullptr) == 0);
}

bool is_blocked() {
  sigset_t now;
  REQUIRE(::pthread_sigmask(SIG_SETMASK, nullptr, &now) == 0);
  return sigismember(&now, SIGUSR2) == 1;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "H9: what one fiber blocks is blocked for all of its thread") {
  const restored_signal restored;
  run([] {
    weft::event is_seen;
    auto blocks = weft::spawn([&] {
      change_mask(SIG_BLOCK);
      is_seen.wait();
      CHECK_FALSE(is_blocked());  // another fiber's doing
      change_mask(SIG_BLOCK);
    });
    weft::yield();
    CHECK(is_blocked());
    auto fresh = weft::spawn([] { CHECK(is_blocked()); });
    fresh.get();
    change_mask(SIG_UNBLOCK);
    is_seen.set();
    blocks.get();
    CHECK(is_blocked());
  });
  CHECK(is_blocked());  // nor does the loop's end change it
}

TEST_CASE_FIXTURE(no_leaks,
                  "H9: a signal that is blocked stays so while the loop waits in the kernel") {
  const restored_signal restored;
  run([] {
    change_mask(SIG_BLOCK);
    REQUIRE(::pthread_kill(::pthread_self(), SIGUSR2) == 0);
    for (int i = 0; i < 3; ++i) weft::await_sleep(1ms);
    CHECK(deliveries == 0);
    change_mask(SIG_UNBLOCK);
    CHECK(deliveries == 1);
  });
}
