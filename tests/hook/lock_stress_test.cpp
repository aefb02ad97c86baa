// SPDX-License-Identifier: BSL-1.0
// Fibers on four threads and plain threads at the same locks: no wake-up is lost, nobody meets.
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <semaphore.h>

#include "hook/lock_fibers.hpp"

namespace {

constexpr int stress_threads = 4;
constexpr int stress_fibers = 5;  // on each
constexpr int stress_rounds = 100'000;
constexpr int stress_share = stress_rounds / (stress_threads * stress_fibers);

// Calls f(number of the fiber) in all fibers of all threads, and in one fiber of each thread more
// keeps the loop awake.
template <class F>
void run_on_all(F&& f) {
  std::vector<std::thread> threads;
  for (int t = 0; t < stress_threads; ++t) {
    threads.emplace_back([&f, t] {
      weft_tests::run_locking_with_threads([&f, t] {
        std::vector<weft::task<void>> fibers;
        for (int i = 0; i < stress_fibers; ++i) {
          fibers.push_back(weft::spawn([&f, t, i] { f(t * stress_fibers + i); }));
        }
        for (auto& one : fibers) one.get();
      });
    });
  }
  for (auto& one : threads) one.join();
}

}  // namespace

TEST_CASE("locks: 100,000 rounds of lock and unlock, parked inside now and then") {
  std::mutex m;
  long sum = 0;  // guarded by m
  weft_tests::inside_at_once inside;
  run_on_all([&](int) {
    for (int i = 0; i < stress_share; ++i) {
      const std::lock_guard<std::mutex> hold(m);
      inside.enter();
      ++sum;
      if (i % 16 == 0) weft::yield();
      inside.leave();
    }
  });
  CHECK(sum == stress_rounds);
  CHECK(inside.most() == 1);
}

TEST_CASE("locks: 100,000 rounds of a std::shared_mutex, every eighth to write") {
  std::shared_mutex m;
  long sum = 0;  // guarded by m
  weft_tests::inside_at_once writers;
  std::atomic<int> mistakes{0};
  run_on_all([&](int number) {
    for (int i = 0; i < stress_share; ++i) {
      if ((i + number) % 8 == 0) {
        const std::lock_guard<std::shared_mutex> hold(m);
        writers.enter();
        ++sum;
        if (i % 16 == 0) weft::yield();
        writers.leave();
      } else {
        const std::shared_lock<std::shared_mutex> hold(m);
        const long before = sum;
        if (i % 16 == 1) weft::yield();
        if (sum != before) ++mistakes;
      }
    }
  });
  CHECK(sum == stress_rounds / 8);
  CHECK(writers.most() == 1);
  CHECK(mistakes == 0);
}

TEST_CASE("locks: 100,000 items through a bounded buffer of a mutex and two condition variables") {
  std::mutex m;
  std::condition_variable has_room;
  std::condition_variable has_item;
  int items = 0;  // guarded by m, as the two below
  int put = 0;
  int taken = 0;
  run_on_all([&](int number) {
    const bool puts = number % 2 == 0;
    for (int i = 0; i < stress_share; ++i) {
      std::unique_lock<std::mutex> hold(m);
      if (puts) {
        has_room.wait(hold, [&] { return items < 3; });
        ++items;
        ++put;
        has_item.notify_one();
      } else {
        has_item.wait(hold, [&] { return items > 0; });
        --items;
        ++taken;
        hold.unlock();
        has_room.notify_one();
      }
    }
  });
  CHECK(put == stress_rounds / 2);
  CHECK(taken == stress_rounds / 2);
}

TEST_CASE("locks: 100,000 permits of a semaphore, with plain threads among the fibers") {
  sem_t permits;
  sem_init(&permits, 0, 2);
  std::atomic<long> sum{0};
  const auto use = [&](int times) {
    for (int i = 0; i < times; ++i) {
      while (sem_wait(&permits) != 0) {
      }
      sum.fetch_add(1, std::memory_order_relaxed);
      sem_post(&permits);
    }
  };
  std::thread plain([&] { use(stress_share); });
  run_on_all([&](int) { use(stress_share); });
  plain.join();
  CHECK(sum == stress_rounds + stress_share);
  int left = 0;
  sem_getvalue(&permits, &left);
  CHECK(left == 2);
  sem_destroy(&permits);
}
