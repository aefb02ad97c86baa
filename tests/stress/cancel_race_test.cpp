// SPDX-License-Identifier: BSL-1.0
// Cancel against completion, in numbers: exactly one of the two is seen, and nothing is lost.
// Torture 15 asks for 10,000,000 rounds: WEFT_TEST_TIMES=34 does them.
#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using weft::cancelled;
using weft::spawn;
using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

TEST_CASE_FIXTURE(no_leaks,
                  "torture 15: between two fibers, a value or a cancel, and no value is lost") {
  const std::size_t rounds = scaled_on_demand(300'000, 10'000);
  std::uint64_t values = 0;
  std::uint64_t cancels = 0;
  weft::options how;
  how.seed = 15;  // either may come first
  run(how, [&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      weft::promise<int> gives;
      auto takes = spawn([&, value = gives.get_future()]() mutable {
        try {
          values += value.get() == 7 ? 1 : 0;
        } catch (const cancelled&) {
          ++cancels;
          throw;
        }
      });
      auto giver = spawn([&] { gives.set_value(7); });
      auto canceller = spawn([&] { takes.cancel(); });
      takes.join();
      giver.join();
      canceller.join();
      if (takes.was_cancelled()) continue;  // also before its first statement
      CHECK(values + cancels <= i + 1);
    }
  });
  CHECK(values > rounds / 10);
  CHECK(cancels > 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 15: between two threads, a value or a cancel, and no value is lost") {
  const std::size_t rounds = scaled_on_demand(20'000, 1'000);
  std::uint64_t values = 0;
  std::uint64_t cancels = 0;
  run([&] {
    std::atomic<std::size_t> turn{0};
    std::atomic<weft::promise<int>*> giving{nullptr};
    std::thread other([&] {
      for (std::size_t i = 1; i <= rounds; ++i) {
        while (turn.load(std::memory_order_acquire) != i) std::this_thread::yield();
        giving.exchange(nullptr)->set_value(static_cast<int>(i));
        turn.store(0, std::memory_order_release);
      }
    });
    for (std::size_t i = 1; i <= rounds; ++i) {
      weft::promise<int> gives;
      auto value = gives.get_future();
      weft::cancel_scope scope;
      auto canceller = spawn([&] { scope.cancel(); });
      giving.store(&gives);
      turn.store(i, std::memory_order_release);
      int taken = 0;
      const bool got = weft::with_scope(scope, [&] { taken = value.get(); });
      if (got) CHECK(taken == static_cast<int>(i));
      got ? ++values : ++cancels;
      // Either way the value is there, and nobody else has it.
      if (!got) CHECK(value.get() == static_cast<int>(i));
      while (turn.load(std::memory_order_acquire) != 0) std::this_thread::yield();
      canceller.join();
    }
    other.join();
  });
  CHECK(values + cancels == rounds);
}
