// SPDX-License-Identifier: BSL-1.0
// A thread notifies a condition variable while another cancels one of the two fibers that wait: the
// notification goes to one of them, whoever is faster.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <mutex>
#include <random>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "weft/condition_variable.hpp"
#include "weft/mutex.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

namespace {

struct shelf {
  weft::mutex m;
  weft::condition_variable changed;
  int tokens = 0;  // under m
  int taken = 0;   // under m

  void take() {
    std::unique_lock<weft::mutex> hold(m);
    changed.wait(hold, [this] { return tokens > 0; });
    --tokens;
    ++taken;
  }
  void put() {
    {
      const std::lock_guard<weft::mutex> hold(m);
      ++tokens;
    }
    changed.notify_one();
  }
  int count() {
    const std::lock_guard<weft::mutex> hold(m);
    return taken;
  }
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 17: a notification from a thread meets a cancel, and is not lost") {
  // Many at once: that a thread is told to begin takes longer than all of its notifications.
  constexpr std::size_t pairs = 100;
  const std::size_t rounds = scaled_on_demand(1'000, 30);
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  std::array<shelf, pairs> all;
  std::atomic<std::size_t> wanted{0};
  std::thread notifies([&] {
    for (std::size_t round = 1; round <= rounds; ++round) {
      while (wanted.load(std::memory_order_acquire) < round) std::this_thread::yield();
      for (shelf& one : all) one.put();
    }
  });
  run([&] {
    std::minstd_rand chance(seed);
    std::size_t lost = 0;
    for (std::size_t round = 1; round <= rounds && lost == 0; ++round) {
      std::vector<weft::task<>> waiting;
      for (shelf& one : all) {
        for (int i = 0; i < 2; ++i) waiting.push_back(weft::spawn([&] { one.take(); }));
      }
      weft::yield();
      wanted.store(round, std::memory_order_release);
      for (std::size_t i = 0; i < pairs; ++i) {
        waiting[2 * i + chance() % 2].cancel();
        if (chance() % 4 == 0) weft::yield();
      }
      const auto patience = weft::now() + 30s;  // a notification takes microseconds
      for (shelf& one : all) {
        while (one.count() < static_cast<int>(round) && weft::now() < patience) weft::yield();
        if (one.count() < static_cast<int>(round)) ++lost;
      }
      for (auto& one : waiting) one.cancel();
      for (auto& one : waiting) one.join();
    }
    CHECK(lost == 0);
    wanted.store(rounds, std::memory_order_release);
  });
  notifies.join();
}
