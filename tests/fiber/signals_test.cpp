// SPDX-License-Identifier: BSL-1.0
// Signals are delivered on the stack of whichever fiber runs, and the kernel pushes up to 11 KiB
// of registers there (AVX-512). The smallest stack that weft hands out has room for that.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <vector>

#include <sys/time.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;

namespace {

std::atomic<long> signals_seen{0};

// SIGALRM, delivered on the running stack (no SA_ONSTACK), as often as the machine can.
class signal_storm {
 public:
  signal_storm() {
    signals_seen = 0;
    struct sigaction handler {};
    handler.sa_handler = [](int) { signals_seen.fetch_add(1, std::memory_order_relaxed); };
    sigaction(SIGALRM, &handler, &before_);
    const itimerval often{{0, 100}, {0, 100}};
    setitimer(ITIMER_REAL, &often, nullptr);
  }
  ~signal_storm() {
    const itimerval off{};
    setitimer(ITIMER_REAL, &off, nullptr);
    sigaction(SIGALRM, &before_, nullptr);
  }
  signal_storm(const signal_storm&) = delete;
  signal_storm& operator=(const signal_storm&) = delete;

 private:
  struct sigaction before_ {};
};

std::uint64_t work_between_yields(std::uint64_t seed, long until_signals) {
  std::uint64_t sum = seed;
  int rounds = 0;
  while (signals_seen.load(std::memory_order_relaxed) < until_signals || rounds < 100) {
    for (int i = 0; i < 200; ++i) sum = sum * 6364136223846793005U + 1442695040888963407U;
    weft::yield();
    ++rounds;
  }
  return sum != 0 ? seed : 0;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "H8: stack_bytes below the minimum are raised to it") {
  run([] {
    weft::spawn_options tiny;
    tiny.stack_bytes = 1;
    const auto left = weft::spawn(tiny, [] { return weft::this_fiber::stack_left(); }).get();
    // 16 KiB for code and the kernel's signal frame, less the entry's own frames and the stagger.
    CHECK(left >= 16 * 1024);
    CHECK(left < 128 * 1024);
  });
}

TEST_CASE_FIXTURE(no_leaks, "H8: options::stack_bytes below the minimum is raised, too") {
  weft::options how;
  how.stack_bytes = 4096;
  run(how, [] {
    const auto left = weft::spawn([] { return weft::this_fiber::stack_left(); }).get();
    CHECK(left >= 16 * 1024);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 91: a storm of signals on the smallest stacks harms nobody") {
  weft::options how;
  how.stack_bytes = 1;
  run(how, [] {
    const signal_storm storm;
    const long until = static_cast<long>(weft_tests::scaled(2000, 200));
    std::vector<weft::task<std::uint64_t>> fibers;
    for (std::uint64_t seed = 1; seed <= 50; ++seed) {
      fibers.push_back(weft::spawn([=] { return work_between_yields(seed, until); }));
    }
    std::uint64_t seed = 0;
    for (auto& one : fibers) CHECK(one.get() == ++seed);
    CHECK(signals_seen >= until);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 72: a signal does not end a sleep early") {
  run([] {
    const signal_storm storm;
    const auto start = weft::clock::now();
    weft::await_sleep(20ms);
    CHECK(weft::clock::now() - start >= 20ms);
    CHECK(signals_seen > 0);
  });
}
