// SPDX-License-Identifier: BSL-1.0
// Cancel against completion, in numbers: exactly one of the two is seen, and nothing is lost.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/task_group.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::spawn;
using weft_tests::no_leaks;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks, "torture 15: between two fibers, a value or a cancel, and no value is lost") {
  constexpr std::size_t rounds = scaled(300'000, 10'000);
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

TEST_CASE_FIXTURE(no_leaks, "torture 15: between two threads, a value or a cancel, and no value is lost") {
  constexpr std::size_t rounds = scaled(20'000, 1'000);
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

TEST_CASE_FIXTURE(no_leaks, "torture 34: random trees of scopes, groups and sleeps, the same twice") {
  constexpr std::uint64_t seeds = scaled(300, 20);
  const weft_tests::capture_reports quiet;  // of tasks that a timeout dropped before they ran
  struct random_tree {
    std::uint64_t state;
    std::uint64_t next(std::uint64_t below) {
      state ^= state << 13;
      state ^= state >> 7;
      state ^= state << 17;
      return state % below;
    }
    void grow(int depth) {
      const auto span = next(20) * 1ms;
      switch (depth == 0 ? 0 : next(6)) {
        case 0: await_sleep(span); break;
        case 1: weft::move_on_after(span, [&] { grow(depth - 1); }); break;
        case 2: weft::shielded([&] { grow(depth - 1); }); break;
        case 3: {
          weft::cancel_scope scope;
          auto late = spawn([&, span] {
            await_sleep(span);
            scope.cancel();
          });
          weft::with_scope(scope, [&] { grow(depth - 1); });
          break;
        }
        case 4:
          weft::with_task_group([&](weft::task_group& group) {
            for (int i = 0; i < 3; ++i) {
              group.spawn([mine = random_tree{next(1'000'000) + 1}, depth]() mutable {
                mine.grow(depth - 1);
              });
            }
            grow(depth - 1);
          });
          break;
        default:
          try {
            weft::with_timeout(span, [&] { grow(depth - 1); });
          } catch (const weft::timeout_error&) {
          }
      }
    }
  };
  const auto hash_of = [this](std::uint64_t seed) {
    weft::testing::virtual_clock clock;
    weft::options how;
    how.seed = seed;
    how.time = &clock;
    how.stacks = &stacks;
    return weft::run(how, [seed] {
      const weft::testing::trace events;
      random_tree root{seed * 0x9e3779b97f4a7c15U | 1U};
      weft::move_on_after(1s, [&] { root.grow(5); });
      CHECK(weft_tests::live_fibers() == 0);
      return events.hash();
    });
  };
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    CHECK(hash_of(seed) == hash_of(seed));
  }
}
