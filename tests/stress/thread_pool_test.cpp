// SPDX-License-Identifier: BSL-1.0
// Torture 39: the pool of threads under load, with cancels at any time.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/seed.hpp"
#include "sync/pool_at_rest.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"
#include "weft/to_thread.hpp"

using namespace weft_tests;
using weft::spawn;
using weft::to_thread;

namespace {

struct sums {
  std::atomic<long> begun{0};
  std::atomic<long> returned{0};
  std::atomic<long> thrown{0};
  std::atomic<long> withdrawn{0};
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
};

// What a fiber does: a call that takes some microseconds, and throws one time in four.
void call_once(sums& all, unsigned dice, bool may_leave) {
  const auto body = [&all, dice] {
    ++all.begun;
    const int now_inside = ++all.inside;
    for (int seen = all.most;
         seen < now_inside && !all.most.compare_exchange_weak(seen, now_inside);) {
    }
    std::this_thread::sleep_for(std::chrono::microseconds(dice % 50));
    --all.inside;
    if (dice % 4 == 0) throw std::runtime_error("as agreed");
    return counted();
  };
  try {
    const counted result = may_leave ? to_thread(weft::abandon_on_cancel, body) : to_thread(body);
    ++all.returned;
  } catch (const std::runtime_error&) {
    ++all.thrown;
  } catch (const weft::cancelled&) {
    ++all.withdrawn;
    throw;
  }
}

}  // namespace

TEST_CASE_FIXTURE(pool_at_rest, "torture 39: calls, errors and cancels at random; none is lost") {
  const std::size_t rounds = scaled(3000, 400);
  const unsigned seed = seed_of_this_run();
  CAPTURE(seed);
  capture_reports reports;
  sums waited;
  sums left;
  run([&] {
    one_thread pool(4);
    std::minstd_rand random(seed);
    std::vector<weft::task<>> callers;
    for (std::size_t i = 0; i < rounds; ++i) {
      const unsigned dice = static_cast<unsigned>(random());
      const bool may_leave = dice % 3 == 0;
      sums& all = may_leave ? left : waited;
      callers.push_back(spawn([&all, dice, may_leave] { call_once(all, dice, may_leave); }));
      if (dice % 5 == 0) weft::yield();
      if (dice % 7 == 0) callers[random() % callers.size()].cancel();
      if (dice % 11 == 0) callers[random() % callers.size()].join();
    }
    for (auto& one : callers) one.join();
    // What was left behind runs on: all of the sums must outlive it.
    while (weft::measure_thread_pool().busy != 0) std::this_thread::yield();
  });
  CHECK(waited.most <= 4);
  CHECK(left.most <= 4);
  // Every call that began came back to its caller, who waited, with a result or an error.
  CHECK(waited.begun == waited.returned + waited.thrown);
  CHECK(left.begun >= left.returned + left.thrown);
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(pool_at_rest, "torture 39: four loops saturate the pool, and it stays bounded") {
  constexpr int limit = 8;
  const int calls = static_cast<int>(scaled(500, 100));
  weft::set_thread_pool_limit(limit);
  std::atomic<int> done{0};
  std::atomic<std::size_t> most{0};
  std::vector<std::thread> loops;
  for (int i = 0; i < 4; ++i) {
    loops.emplace_back([&] {
      weft::run([&] {
        std::vector<weft::task<>> callers;
        for (int k = 0; k < calls; ++k) {
          callers.push_back(spawn([&done] { to_thread([&done] { ++done; }); }));
        }
        weft::yield();
        const std::size_t threads = weft::measure_thread_pool().threads;
        for (std::size_t seen = most;
             seen < threads && !most.compare_exchange_weak(seen, threads);) {
        }
        for (auto& one : callers) one.get();
      });
    });
  }
  for (auto& one : loops) one.join();
  weft::set_thread_pool_limit(40);
  CHECK(done == 4 * calls);
  CHECK(most <= limit);
}
