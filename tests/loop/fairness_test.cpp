// SPDX-License-Identifier: BSL-1.0
// Nothing starves: neither timers nor messages behind fibers that only yield, nor fibers behind
// messages that keep coming.
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;

TEST_CASE_FIXTURE(no_leaks, "sem 70: fibers that only yield starve no timer") {
  run([] {
    bool is_over = false;
    std::vector<weft::task<>> busy;
    for (int i = 0; i < 100; ++i) {
      busy.push_back(weft::spawn([&] {
        while (!is_over) weft::yield();
      }));
    }
    const auto start = weft::now();
    weft::spawn([] { weft::await_sleep(5ms); }).join();
    is_over = true;
    const auto took = weft::now() - start;
    CHECK(took >= 5ms);
    CHECK(took < 5s);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 70: a single fiber that only yields lets timers and posts in") {
  run([] {
    bool timer_fired = false;
    auto sleeper = weft::spawn([&] {
      weft::await_sleep(1ms);
      timer_fired = true;
    });
    while (!timer_fired) weft::yield();
    bool posted = false;
    weft::loop_ref here = weft::this_loop();
    std::thread poster([&posted, here]() mutable { here.post([&posted] { posted = true; }); });
    while (!posted) weft::yield();
    poster.join();
    CHECK(timer_fired);
    CHECK(posted);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 74: work that keeps posting itself starves neither fibers nor timers") {
  run([] {
    weft::loop_ref here = weft::this_loop();
    bool is_over = false;
    long posts = 0;
    struct again {
      weft::loop_ref& loop;
      bool& is_over;
      long& posts;
      void operator()() const {
        ++posts;
        if (!is_over) loop.post(*this);
      }
    };
    for (int i = 0; i < 3; ++i) here.post(again{here, is_over, posts});
    int turns = 0;
    auto yielding = weft::spawn([&] {
      while (!is_over) {
        ++turns;
        weft::yield();
      }
    });
    weft::await_sleep(2ms);
    is_over = true;
    yielding.join();
    CHECK(posts > 3);
    CHECK(turns > 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 70: fibers that wake each other without a pause starve no timer") {
  run([] {
    bool is_over = false;
    auto churn = weft::spawn([&] {
      long rounds = 0;
      while (!is_over) {
        weft::spawn([] {}).join();
        ++rounds;
      }
      return rounds;
    });
    weft::await_sleep(3ms);
    is_over = true;
    CHECK(churn.get() > 0);
  });
}

namespace {

// Spawns the next one and ends, until `is_over`: a loop that never yields.
void relay(const bool& is_over, weft::time_point give_up) {
  if (is_over || weft::now() > give_up) return;
  weft::spawn([&is_over, give_up] { relay(is_over, give_up); }).detach();
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "sem 70: fibers each of which only starts the next starve no timer") {
  run([] {
    bool is_over = false;
    const auto start = weft::now();
    relay(is_over, start + 2s);
    weft::await_sleep(3ms);
    is_over = true;
    CHECK(weft::now() < start + 1s);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 70: two fibers that hand the turn to each other starve no timer") {
  run([] {
    struct side {
      weft::promise<void> gate;
      weft::future<void> opened = gate.get_future();
      void wait() {
        opened.get();
        gate = weft::promise<void>();
        opened = gate.get_future();
      }
    };
    side first;
    side second;
    bool is_over = false;
    bool is_last = false;
    const auto start = weft::now();
    auto leads = weft::spawn([&] {
      while (!is_over && weft::now() < start + 2s) {
        second.gate.set_value();
        first.wait();
      }
      is_last = true;
      second.gate.set_value();
    });
    auto follows = weft::spawn([&] {
      second.wait();
      while (!is_last) {
        first.gate.set_value();
        second.wait();
      }
    });
    weft::await_sleep(3ms);
    is_over = true;
    CHECK(weft::now() < start + 1s);
    leads.get();
    follows.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 30: ten thousand yielders hold a timer back by little") {
  run([] {
    bool is_over = false;
    std::vector<weft::task<>> busy;
    for (int i = 0; i < 10'000; ++i) {
      busy.push_back(weft::spawn([&] {
        while (!is_over) weft::yield();
      }));
    }
    weft::yield();
    std::atomic<bool> answered{false};
    weft::loop_ref here = weft::this_loop();
    std::thread poster(
        [&answered, here]() mutable { here.call([&answered] { answered = true; }).get(); });
    const auto start = weft::now();
    while (!answered && weft::now() - start < 10s) weft::await_sleep(1ms);
    is_over = true;
    poster.join();
    CHECK(answered);
  });
}
