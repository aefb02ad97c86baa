// SPDX-License-Identifier: BSL-1.0
// testing::virtual_clock: hours pass in no time, and only when nothing else can move.
#include <chrono>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::testing::virtual_clock;
using weft::testing::wait_all_blocked;
using weft_tests::no_leaks;

namespace {

template <bool Autojump>
struct on_clock : no_leaks {
  on_clock() { how.time = &clock; }
  virtual_clock clock{Autojump};
  weft::options how;
};
using jumping = on_clock<true>;
using by_hand = on_clock<false>;

}  // namespace

TEST_CASE_FIXTURE(jumping, "sem 98: the clock jumps from deadline to deadline, exactly") {
  const auto real_start = std::chrono::steady_clock::now();
  run(how, [] {
    const auto start = weft::now();
    std::vector<weft::duration> woken;
    auto sleeps = [&](weft::duration span) {
      weft::await_sleep(span);
      woken.push_back(weft::now() - start);
    };
    auto late = weft::spawn(sleeps, 100h);
    auto early = weft::spawn(sleeps, 1ns);
    auto middle = weft::spawn(sleeps, 30min);
    late.join();
    CHECK(woken == std::vector<weft::duration>{1ns, 30min, 100h});
  });
  CHECK(std::chrono::steady_clock::now() - real_start < 10s);
}

TEST_CASE_FIXTURE(jumping, "sem 98: the clock stands still while anything can run") {
  run(how, [] {
    const auto start = weft::now();
    auto sleeper = weft::spawn([] { weft::await_sleep(1ns); });
    for (int i = 0; i < 1000; ++i) {
      weft::yield();
      CHECK(weft::now() == start);
      CHECK_FALSE(sleeper.done());
    }
    sleeper.join();
    CHECK(weft::now() == start + 1ns);
  });
}

TEST_CASE("sem 98: every run on a fresh virtual clock begins at the same time") {
  weft::time_point starts[2];
  for (auto& start : starts) {
    virtual_clock clock;
    weft::options how;
    how.time = &clock;
    weft::run(how, [&] { start = weft::now(); });
  }
  CHECK(starts[0] == starts[1]);
}

TEST_CASE_FIXTURE(by_hand, "advance: sleepers wake when their time has been reached, not before") {
  run(how, [&] {
    bool first = false;
    bool second = false;
    auto a = weft::spawn([&] {
      weft::await_sleep(1s);
      first = true;
    });
    auto b = weft::spawn([&] {
      weft::await_sleep(2s);
      second = true;
    });
    wait_all_blocked();
    clock.advance(1s - 1ns);
    wait_all_blocked();
    CHECK_FALSE(first);
    clock.advance(1ns);
    wait_all_blocked();
    CHECK(first);
    CHECK_FALSE(second);
    clock.advance(100s);
    wait_all_blocked();
    CHECK(second);
  });
}

TEST_CASE_FIXTURE(by_hand, "advance: a negative span is refused; the largest saturates") {
  CHECK_THROWS_WITH_AS(clock.advance(-1ns),
                       "weft: virtual_clock::advance() was given -1 ns: time never goes back",
                       std::logic_error);
  clock.advance(weft::duration::max());
  CHECK(clock.now() == weft::time_point::max());
}

TEST_CASE_FIXTURE(jumping,
                  "wait_all_blocked: returns when all others are parked, before time jumps") {
  run(how, [] {
    const auto start = weft::now();
    std::string seen;
    auto sleeper = weft::spawn([&] {
      for (int i = 0; i < 5; ++i) weft::yield();
      seen += "parks ";
      weft::await_sleep(1ns);
      seen += "woke ";
    });
    wait_all_blocked();
    seen += "blocked ";
    CHECK(weft::now() == start);
    sleeper.join();
    CHECK(seen == "parks blocked woke ");
  });
}

TEST_CASE_FIXTURE(no_leaks, "wait_all_blocked: works on the machine's clock, and when alone") {
  run([] {
    wait_all_blocked();
    int steps = 0;
    auto other = weft::spawn([&] {
      for (; steps < 300; ++steps) weft::yield();
      weft::await_sleep(weft::duration::max());
    });
    wait_all_blocked();
    CHECK(steps == 300);
  });
}

TEST_CASE_FIXTURE(jumping, "wait_all_blocked: can be cancelled; on a plain thread it is a misuse") {
  run(how, [] {
    auto waiter = weft::spawn([] {
      for (;;) wait_all_blocked();
    });
    for (int i = 0; i < 10; ++i) weft::yield();
    waiter.cancel();
    waiter.join();
    CHECK(waiter.was_cancelled());
  });
  CHECK_THROWS_AS(wait_all_blocked(), std::logic_error);
}

TEST_CASE_FIXTURE(jumping,
                  "sem 98: an external ref holds the clock until what it announced arrived") {
  for (int round = 0; round < 20; ++round) {
    run(how, [] {
      const auto start = weft::now();
      weft::time_point arrived{};
      std::thread outside([&arrived, ref = weft::this_loop().external()]() mutable {
        std::this_thread::sleep_for(1ms);  // real: the loop must have nothing to do
        ref.post([&arrived] { arrived = weft::now(); });
      });
      weft::await_sleep(1h);
      CHECK(arrived == start);
      CHECK(weft::now() == start + 1h);
      outside.join();
    });
  }
}

TEST_CASE_FIXTURE(jumping,
                  "sem 98: what came through an external ref is seen before the clock jumps") {
  run(how, [] {
    int late = 0;
    for (unsigned round = 0; round < weft_tests::scaled(5'000, 500); ++round) {
      const auto start = weft::now();
      weft::time_point arrived{};
      std::thread outside([&arrived, round, ref = weft::this_loop().external()]() mutable {
        for (volatile unsigned spin = 0; spin < round % 500 * 4; spin = spin + 1) {
        }
        ref.post([&arrived] { arrived = weft::now(); });
      });  // the ref goes as soon as it has posted
      weft::await_sleep(1h);
      if (arrived != start) ++late;
      outside.join();
    }
    CHECK(late == 0);
  });
}

TEST_CASE_FIXTURE(jumping,
                  "sem 98: plain refs, and external ones that are gone, do not hold the clock") {
  run(how, [] {
    const weft::loop_ref plain = weft::this_loop();
    weft::loop_ref external = plain.external();
    weft::loop_ref copied = external;
    {
      const weft::loop_ref moved = std::move(external);
      const weft::loop_ref last = copied;
    }
    copied = plain;
    const auto start = weft::now();
    weft::await_sleep(1h);
    CHECK(weft::now() == start + 1h);
  });
}

TEST_CASE_FIXTURE(jumping, "sem 98: a timed wait for a future jumps, too") {
  run(how, [] {
    weft::promise<int> never;
    auto waiting = never.get_future();
    const auto start = weft::now();
    CHECK_FALSE(waiting.wait_for(10min));
    CHECK(weft::now() == start + 10min);
  });
}
