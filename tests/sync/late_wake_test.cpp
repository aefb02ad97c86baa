// SPDX-License-Identifier: BSL-1.0
// Two waits, one after the other, and who ends the first one comes late: the second goes on.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "weft/semaphore.hpp"
#include "weft/this_fiber.hpp"

using weft_tests::no_leaks;
using weft_tests::scaled;

namespace {

void linger(std::uint_fast32_t nanoseconds) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::nanoseconds(nanoseconds);
  while (std::chrono::steady_clock::now() < until) continue;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "sem 59: a wake that comes late for a wait ends no later one, and is not lost") {
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  const std::size_t rounds = scaled(20'000, 1'000);
  weft::semaphore first(0);
  weft::semaphore second(0);
  std::atomic<std::size_t> begun{0};
  std::atomic<std::size_t> second_given{0};
  std::thread other([&] {
    std::minstd_rand random(seed + 1);
    for (std::size_t round = 1; round <= rounds; ++round) {
      while (begun.load() < round) std::this_thread::yield();
      linger(random() % 20'000);
      first.release();
      linger(random() % 2'000);
      second_given = round;
      second.release();
    }
  });
  std::size_t late = 0;
  std::size_t early_ends = 0;
  run([&] {
    std::minstd_rand random(seed);
    for (std::size_t round = 1; round <= rounds; ++round) {
      begun = round;
      const bool was_in_time = first.acquire_for(std::chrono::nanoseconds(random() % 60'000));
      second.acquire();
      early_ends += second_given.load() >= round ? 0U : 1U;
      if (was_in_time) continue;
      ++late;
      first.acquire();  // what came late is still there
    }
  });
  other.join();
  CHECK(early_ends == 0);
  CHECK(late > 0);
  CHECK(late < rounds);
}
