// SPDX-License-Identifier: BSL-1.0
// The standard library's condition variables between fibers, and between fibers and threads.
#include <condition_variable>
#include <mutex>
#include <shared_mutex>
#include <thread>
#include <vector>

#include <doctest/doctest.h>
#include <pthread.h>

#include "hook/lock_fibers.hpp"

using namespace std::chrono_literals;
using weft_tests::run_locking;
using weft_tests::run_locking_with_threads;

TEST_CASE("locks: std::condition_variable: notify_one wakes one fiber, notify_all the others") {
  run_locking([](weft::testing::virtual_clock&) {
    std::mutex m;
    std::condition_variable c;
    int permits = 0;
    int woken = 0;
    const weft_tests::ticker ticker;
    std::vector<weft::task<void>> fibers;
    for (int i = 0; i < 5; ++i) {
      fibers.push_back(weft::spawn([&] {
        std::unique_lock<std::mutex> hold(m);
        c.wait(hold, [&] { return permits > 0; });
        --permits;
        ++woken;
      }));
    }
    weft::await_sleep(1ms);
    const auto permit = [&](int more) {
      const std::lock_guard<std::mutex> hold(m);
      permits += more;
    };
    permit(1);
    c.notify_one();
    weft::await_sleep(1ms);
    CHECK(woken == 1);
    permit(4);
    c.notify_all();
    for (auto& one : fibers) one.get();
    CHECK(woken == 5);
  });
}

TEST_CASE("locks: the mutex is free while a fiber waits for a condition, and its again behind") {
  run_locking([](weft::testing::virtual_clock&) {
    std::mutex m;
    std::condition_variable_any c;
    bool is_set = false;
    auto waits = weft::spawn([&] {
      std::unique_lock<std::mutex> hold(m);
      c.wait(hold, [&] { return is_set; });
      CHECK_FALSE(m.try_lock());
      weft::await_sleep(5ms);
    });
    weft::await_sleep(1ms);
    REQUIRE(m.try_lock());
    is_set = true;
    m.unlock();
    c.notify_one();
    weft::await_sleep(1ms);
    CHECK_FALSE(m.try_lock());
    waits.get();
  });
}

TEST_CASE("locks: fibers take turns by one condition variable, found by its signals alone") {
  run_locking([](weft::testing::virtual_clock& clock) {
    std::mutex m;
    std::condition_variable c;
    int turn = 0;
    const auto began = clock.now();
    const auto play = [&](int own) {
      for (int i = 0; i < 100; ++i) {
        std::unique_lock<std::mutex> hold(m);
        c.wait(hold, [&] { return turn % 3 == own; });
        ++turn;
        c.notify_all();
      }
    };
    std::vector<weft::task<void>> fibers;
    for (int own = 0; own < 3; ++own) fibers.push_back(weft::spawn([&play, own] { play(own); }));
    for (auto& one : fibers) one.get();
    CHECK(turn == 300);
    CHECK(clock.now() == began);  // nobody was found by a timer
  });
}

TEST_CASE("locks: wait_for and wait_until give up when their time has come, by each clock") {
  run_locking([](weft::testing::virtual_clock& clock) {
    std::mutex m;
    std::condition_variable c;
    std::unique_lock<std::mutex> hold(m);
    const weft_tests::ticker ticker;
    auto began = clock.now();
    c.wait_for(hold, 40ms);  // what it returns it asks the machine's clock
    CHECK(clock.now() - began >= 39ms);
    CHECK(clock.now() - began <= 41ms);
    CHECK(hold.owns_lock());
    began = clock.now();
    c.wait_until(hold, std::chrono::system_clock::now() + 40ms);
    CHECK(clock.now() - began >= 38ms);
    CHECK(clock.now() - began <= 41ms);

    for (const clockid_t by : {CLOCK_REALTIME, CLOCK_MONOTONIC}) {
      pthread_condattr_t how;
      pthread_condattr_init(&how);
      pthread_condattr_setclock(&how, by);
      pthread_cond_t plain;
      pthread_cond_init(&plain, &how);
      timespec until{};
      clock_gettime(by, &until);
      until.tv_sec += 3;
      began = clock.now();
      CHECK(pthread_cond_timedwait(&plain, m.native_handle(), &until) == ETIMEDOUT);
      CHECK(clock.now() - began >= 2990ms);
      CHECK(clock.now() - began <= 3s);
      until.tv_nsec = 1'000'000'000;
      CHECK(pthread_cond_timedwait(&plain, m.native_handle(), &until) == EINVAL);
      pthread_cond_destroy(&plain);
      pthread_condattr_destroy(&how);
    }
  });
}

TEST_CASE("locks: in real time a wait_for lasts as long as it says") {
  run_locking_with_threads([] {
    std::mutex m;
    std::condition_variable c;
    std::unique_lock<std::mutex> hold(m);
    const auto began = std::chrono::steady_clock::now();
    CHECK(c.wait_for(hold, 20ms) == std::cv_status::timeout);
    CHECK(std::chrono::steady_clock::now() - began >= 20ms);
  });
}

TEST_CASE("locks: std::condition_variable_any waits with any lock, std::shared_lock too") {
  run_locking([](weft::testing::virtual_clock&) {
    std::shared_mutex m;
    std::condition_variable_any c;
    bool is_set = false;
    auto waits = weft::spawn([&] {
      std::shared_lock<std::shared_mutex> hold(m);
      c.wait(hold, [&] { return is_set; });
    });
    weft::yield();
    m.lock();
    is_set = true;
    m.unlock();
    c.notify_all();
    waits.get();
  });
}

TEST_CASE("locks: fiber and thread notify each other through one condition variable") {
  std::mutex m;
  std::condition_variable c;
  int turn = 0;  // guarded by m
  constexpr int rounds = 500;
  const auto play = [&](int own) {
    for (int i = 0; i < rounds; ++i) {
      std::unique_lock<std::mutex> hold(m);
      c.wait(hold, [&] { return turn % 3 == own; });
      ++turn;
      c.notify_all();
    }
  };
  run_locking_with_threads([&] {
    const weft_tests::ticker ticker;
    std::thread plain([&] { play(0); });
    std::thread other([&] { run_locking_with_threads([&] { play(1); }); });
    weft::spawn([&] { play(2); }).get();
    plain.join();
    other.join();
    CHECK(turn == 3 * rounds);
  });
}

TEST_CASE("locks: a signal by whoever has the mutex as soon as it is given up is not lost") {
  std::mutex m;
  std::condition_variable c;
  bool waits = false;   // guarded by m
  bool is_set = false;  // guarded by m
  constexpr int rounds = 5000;
  run_locking_with_threads([&] {
    std::thread plain([&] {
      int idle = 0;
      for (int i = 0; i < rounds;) {
        const bool has_it = m.try_lock();  // lock() would sleep, and come too late
        const bool signals = has_it && waits && !is_set;
        if (signals) is_set = true;
        if (has_it) m.unlock();
        if (signals) {
          c.notify_one();
          ++i;
        } else if (++idle % 4096 == 0) {
          std::this_thread::yield();
        }
      }
    });
    for (int i = 0; i < rounds; ++i) {
      std::unique_lock<std::mutex> hold(m);
      waits = true;
      c.wait(hold, [&] { return is_set; });  // each round has one signal, and one only
      waits = is_set = false;
    }
    plain.join();
  });
}
