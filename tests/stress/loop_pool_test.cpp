// SPDX-License-Identifier: BSL-1.0
// Pools of loops in large numbers: started fibers that stay, and shutdowns amid spawns.
#include "weft/loop_pool.hpp"

#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

using weft::loop_pool;
using weft::task;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks,
                  "torture 33: a started fiber stays on its thread, over 10,000,000 looks") {
  constexpr std::size_t fibers = 200;
  const std::size_t looks = scaled(50'000, 500);  // each
  loop_pool pool(3);
  std::vector<task<std::size_t>> tasks;
  std::atomic<int> children{0};
  for (std::size_t i = 0; i < fibers; ++i) {
    tasks.push_back(pool.spawn([&, looks] {
      const auto home = std::this_thread::get_id();
      std::size_t astray = 0;
      for (std::size_t k = 0; k < looks; ++k) {
        weft::yield();
        if (std::this_thread::get_id() != home) ++astray;
        // Others come and go meanwhile, wherever there is room.
        if (k % 5'000 == 0) pool.spawn([&] { ++children; }).join();
      }
      return astray;
    }));
  }
  std::size_t astray = 0;
  for (auto& one : tasks) astray += one.get();
  CHECK(astray == 0);
  CHECK(children > 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "loop_pool: spawns that race with its end are run, dropped or refused, once") {
  for (std::size_t round = 0; round < scaled(100, 20); ++round) {
    std::atomic<int> ran{0};
    std::atomic<int> accepted{0};
    std::atomic<int> refused{0};
    std::atomic<int> cancelled{0};
    loop_pool pool(2);
    std::vector<std::thread> threads;
    for (unsigned t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        for (unsigned i = 0; i < 60; ++i) {
          try {
            auto body = [&ran, witness = counted()] {
              ++ran;
              weft::yield();
            };
            auto one = i % 3 == 0 ? pool.spawn_on(t % 2, body) : pool.spawn(body);
            ++accepted;
            if (i % 4 == 0) {
              one.detach();
            } else if (i % 4 == 1) {
              one.join();
              if (one.was_cancelled()) ++cancelled;
            }
          } catch (const weft::closed_error&) {
            ++refused;
          }
        }
      });
    }
    for (std::size_t i = 0; i < round % 16; ++i) std::this_thread::yield();
    pool.close();
    for (auto& one : threads) one.join();
    REQUIRE(accepted + refused == 240);
    REQUIRE(ran <= accepted);
    REQUIRE(counted::alive() == 0);
  }
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: handles race with the loop that takes their task") {
  loop_pool pool(2);
  for (std::size_t round = 0; round < scaled(20'000, 2'000); ++round) {
    auto one = pool.spawn([witness = counted()] { weft::yield(); });
    switch (round % 5) {
      case 0:
        one.cancel("race");
        break;
      case 1:
        one.join_until(weft::now());
        break;
      case 2:
        one.on_done([witness = counted()] {});
        break;
      case 3:
        one.detach();
        break;
      default:
        one.join();
        break;
    }
  }
  pool.close();
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "loop_pool: no task is forgotten while loops fall asleep and wake") {
  loop_pool pool(3);
  for (std::size_t round = 0; round < scaled(5'000, 1'000); ++round) {
    // One at a time: the loops are idle, or just about to be.
    auto first = pool.spawn([] {});
    auto second = pool.spawn([] { weft::yield(); });
    first.join();
    second.join();
  }
}
