// SPDX-License-Identifier: BSL-1.0
// std::call_once and static initialisers that wait, met by other fibers and threads.
#include <mutex>
#include <stdexcept>
#include <thread>

#include <doctest/doctest.h>
#include <pthread.h>

#include "hook/lock_fibers.hpp"

using namespace std::chrono_literals;
using weft_tests::run_locking;
using weft_tests::run_locking_with_threads;

namespace {

int made = 0;

struct slowly_made {
  explicit slowly_made(bool fails = false) {
    weft::await_sleep(5ms);
    ++made;
    if (fails) throw std::runtime_error("not this time");
  }
};

slowly_made& made_once() {
  static slowly_made only;
  return only;
}

slowly_made& made_at_second_try(int& tries) {
  static slowly_made only(++tries == 1);
  return only;
}

slowly_made& made_by_fiber_and_thread() {
  static slowly_made only;
  return only;
}

int calls = 0;

}  // namespace

TEST_CASE("locks: std::call_once: who comes meanwhile waits, and it is called once") {
  run_locking([](weft::testing::virtual_clock& clock) {
    std::once_flag flag;
    int times = 0;
    const weft_tests::ticker ticker;
    const auto began = clock.now();
    const auto call = [&] {
      std::call_once(flag, [&] {
        weft::await_sleep(5ms);
        ++times;
      });
      CHECK(times == 1);
      CHECK(clock.now() - began == 5ms);
    };
    auto one = weft::spawn(call);
    auto two = weft::spawn(call);
    auto three = weft::spawn(call);
    one.get();
    two.get();
    three.get();
    CHECK(ticker.ticks() >= 5);
  });
}

TEST_CASE("locks: std::call_once: after an exception the next that waits calls its own function") {
  run_locking([](weft::testing::virtual_clock&) {
    std::once_flag flag;
    int done_by = 0;
    const auto call = [&](int who) {
      std::call_once(flag, [&, who] {
        weft::await_sleep(1ms);
        if (who < 3) throw std::runtime_error("next");
        done_by = who;
      });
    };
    auto one = weft::spawn([&] { CHECK_THROWS_AS(call(1), std::runtime_error); });
    auto two = weft::spawn([&] { CHECK_THROWS_AS(call(2), std::runtime_error); });
    auto three = weft::spawn([&] { call(3); });
    one.get();
    two.get();
    three.get();
    CHECK(done_by == 3);
    call(4);
    CHECK(done_by == 3);
  });
}

TEST_CASE("locks: pthread_once: so it is for C") {
  run_locking([](weft::testing::virtual_clock&) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const auto call = [] {
      pthread_once(&once, [] {
        weft::await_sleep(1ms);
        ++calls;
      });
      CHECK(calls == 1);
    };
    auto one = weft::spawn(call);
    auto two = weft::spawn(call);
    one.get();
    two.get();
  });
}

TEST_CASE("locks: a static variable whose constructor waits is made once, and awaited") {
  run_locking([](weft::testing::virtual_clock&) {
    made = 0;
    const weft_tests::ticker ticker;
    const auto use = [] {
      made_once();
      CHECK(made == 1);
    };
    auto one = weft::spawn(use);
    auto two = weft::spawn(use);
    one.get();
    two.get();
    CHECK(ticker.ticks() >= 5);
  });
}

TEST_CASE("locks: a static variable whose constructor throws is made by the next that waits") {
  run_locking([](weft::testing::virtual_clock&) {
    made = 0;
    int tries = 0;
    auto one = weft::spawn([&] { CHECK_THROWS_AS(made_at_second_try(tries), std::runtime_error); });
    auto two = weft::spawn([&] { made_at_second_try(tries); });
    one.get();
    two.get();
    CHECK(tries == 2);
    CHECK(made == 2);
    made_at_second_try(tries);
    CHECK(made == 2);
  });
}

TEST_CASE("locks: a static variable that a thread makes is awaited by a fiber, and the reverse") {
  made = 0;
  run_locking_with_threads([] {
    const weft_tests::ticker ticker;
    std::thread plain([] { made_by_fiber_and_thread(); });
    auto one = weft::spawn([] { made_by_fiber_and_thread(); });
    auto two = weft::spawn([] { made_by_fiber_and_thread(); });
    one.get();
    two.get();
    plain.join();
    CHECK(made == 1);
  });
}

TEST_CASE("locks: std::call_once that a thread is at is awaited without blocking the loop") {
  std::once_flag flag;
  std::atomic<bool> has_begun{false};
  std::atomic<bool> may_end{false};
  bool is_done = false;
  run_locking_with_threads([&] {
    std::thread plain([&] {
      std::call_once(flag, [&] {
        has_begun = true;
        while (!may_end) std::this_thread::yield();
        is_done = true;
      });
    });
    while (!has_begun) weft::await_sleep(100us);
    auto waits = weft::spawn([&] {
      std::call_once(flag, [] { FAIL("called twice"); });
      CHECK(is_done);
    });
    weft::await_sleep(1ms);
    may_end = true;  // by this thread: were it blocked, nobody would
    waits.get();
    plain.join();
  });
}
