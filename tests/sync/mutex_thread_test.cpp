// SPDX-License-Identifier: BSL-1.0
// One mutex between loops and plain threads: nobody is inside twice, nobody is forgotten.
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "sync/everywhere.hpp"
#include "weft/background_loop.hpp"
#include "weft/condition_variable.hpp"
#include "weft/mutex.hpp"
#include "weft/run.hpp"
#include "weft/semaphore.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::everybody;
using weft_tests::everywhere;
using weft_tests::no_leaks;

namespace {

constexpr int mutex_rounds = weft_tests::is_sanitized ? 300 : 3000;

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "mutex: one at a time between loops and threads, and none is lost") {
  weft::mutex m;
  std::atomic<int> inside{0};
  int sum = 0;
  std::atomic<int> broken{0};
  everywhere([&] {
    for (int i = 0; i < mutex_rounds; ++i) {
      const std::lock_guard<weft::mutex> hold(m);
      if (inside.fetch_add(1, std::memory_order_relaxed) != 0) ++broken;
      ++sum;
      if (i % 16 == 0) weft::yield();
      inside.fetch_sub(1, std::memory_order_relaxed);
    }
  });
  CHECK(broken == 0);
  CHECK(sum == everybody * mutex_rounds);
}

TEST_CASE_FIXTURE(no_leaks, "timed mutex: deadlines and hand-overs meet between threads") {
  weft::timed_mutex m;
  int sum = 0;
  std::atomic<int> taken{0};
  everywhere([&] {
    for (int i = 0; i < mutex_rounds / 3; ++i) {
      if (!m.try_lock_for(std::chrono::microseconds(i % 50))) continue;
      ++sum;
      ++taken;
      if (i % 8 == 0) weft::yield();
      m.unlock();
    }
  });
  CHECK(sum == taken);
  CHECK(m.try_lock());
  m.unlock();
}

TEST_CASE_FIXTURE(no_leaks, "recursive mutex: between loops and threads") {
  weft::recursive_mutex m;
  int sum = 0;
  everywhere([&] {
    for (int i = 0; i < mutex_rounds; ++i) {
      const std::lock_guard<weft::recursive_mutex> hold(m);
      const std::lock_guard<weft::recursive_mutex> again(m);
      ++sum;
      if (i % 16 == 0) weft::yield();
    }
  });
  CHECK(sum == everybody * mutex_rounds);
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 46: who waits on another thread is served, though others re-lock") {
  weft::mutex m;
  std::atomic<bool> has_asked{false};
  std::atomic<bool> was_served{false};
  m.lock();
  std::thread other([&] {
    has_asked = true;
    m.lock();
    was_served = true;
    m.unlock();
  });
  while (!has_asked) std::this_thread::yield();
  // Held almost always: without the hand-over after 0.5 ms luck alone would let it in.
  const auto start = std::chrono::steady_clock::now();
  while (!was_served && std::chrono::steady_clock::now() - start < 20s) {
    const auto until = std::chrono::steady_clock::now() + 100us;
    while (std::chrono::steady_clock::now() < until) {
    }
    m.unlock();
    m.lock();
  }
  CHECK(was_served);
  m.unlock();
  other.join();
}

TEST_CASE_FIXTURE(no_leaks, "mutex: a stranger's unlock throws, between threads too") {
  weft::mutex m;
  std::string text;
  std::thread holder([&] {
    const std::lock_guard<weft::mutex> hold(m);
    weft::run([&] {
      try {
        m.unlock();
      } catch (const std::logic_error& e) {
        text = e.what();
      }
    });
  });
  holder.join();
  CHECK(text.find(
            "mutex::unlock() was called by fiber 1 'main', but another thread holds the lock") !=
        std::string::npos);
}

TEST_CASE_FIXTURE(no_leaks, "condition variable: between loops and threads no notify is lost") {
  weft::mutex m;
  weft::condition_variable changed;
  int made = 0;
  int taken = 0;
  const int all = 8 * (mutex_rounds / 4);
  std::thread maker([&] {
    for (int i = 0; i < all; ++i) {
      const std::lock_guard<weft::mutex> hold(m);
      ++made;
      changed.notify_one();
    }
  });
  everywhere([&] {
    for (int i = 0; i < mutex_rounds / 4; ++i) {
      std::unique_lock<weft::mutex> hold(m);
      changed.wait(hold, [&] { return made > 0; });
      --made;
      ++taken;
    }
  });
  maker.join();
  CHECK(taken == all);
  CHECK(made == 0);
}

TEST_CASE_FIXTURE(no_leaks, "semaphore: between loops and threads no permit is lost") {
  weft::semaphore permits(3);
  std::atomic<int> inside{0};
  std::atomic<int> most{0};
  everywhere([&] {
    for (int i = 0; i < mutex_rounds; ++i) {
      if (i % 7 == 0) {
        if (!permits.acquire_for(std::chrono::microseconds(i % 40))) continue;
      } else {
        permits.acquire();
      }
      const int now_inside = ++inside;
      int seen = most;
      while (now_inside > seen && !most.compare_exchange_weak(seen, now_inside)) {
      }
      if (i % 16 == 0) weft::yield();
      --inside;
      permits.release();
    }
  });
  CHECK(most <= 3);
  CHECK(permits.available() == 3);
}
