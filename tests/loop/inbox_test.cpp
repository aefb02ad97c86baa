// SPDX-License-Identifier: BSL-1.0
// loop_ref: the way into a loop from other threads. Posting wakes a loop that sleeps, keeps each
// thread's order, and fails loudly once the loop has ended.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <ctime>
#include <future>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks, "sem 79: a post from another thread reaches a loop that sleeps") {
  run([] {
    weft::promise<std::thread::id> answer;
    auto answered = answer.get_future();
    weft::loop_ref here = weft::this_loop();
    std::thread poster([here, &answer]() mutable {
      std::this_thread::sleep_for(10ms);  // real: the loop must be asleep in the kernel
      here.post([&answer] { answer.set_value(std::this_thread::get_id()); });
    });
    const bool is_here = answered.get() == std::this_thread::get_id();
    CHECK(is_here);
    poster.join();
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 79: posts of one thread start in their order, thread by thread") {
  run([] {
    constexpr int threads = 4;
    const int posts = static_cast<int>(scaled(5'000, 1'000));
    std::vector<int> seen[threads];
    std::vector<std::thread> posters;
    for (int t = 0; t < threads; ++t) {
      posters.emplace_back([&seen, t, here = weft::this_loop()]() mutable {
        for (int i = 0; i < posts; ++i) here.post([&seen, t, i] { seen[t].push_back(i); });
      });
    }
    const auto done = [&] {
      for (const auto& one : seen) {
        if (static_cast<int>(one.size()) < posts) return false;
      }
      return true;
    };
    while (!done()) weft::await_sleep(100us);
    for (auto& one : posters) one.join();
    for (const auto& one : seen) CHECK(std::is_sorted(one.begin(), one.end()));
    for (const auto& one : seen) CHECK(static_cast<int>(one.size()) == posts);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 79: post after the loop's end throws closed_error, f is destroyed once") {
  weft::loop_ref gone = run([] { return weft::this_loop(); });
  CHECK(gone.valid());
  CHECK(gone.has_ended());
  bool ran = false;
  CHECK_THROWS_AS(gone.post([&ran, c = counted()] { ran = true; }), weft::closed_error);
  CHECK_THROWS_AS(gone.call([&ran, c = counted()] { ran = true; }).get(), weft::closed_error);
  CHECK_FALSE(ran);
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "post through an empty ref throws std::logic_error") {
  weft::loop_ref none;
  CHECK_FALSE(none.valid());
  CHECK_THROWS_AS(none.post([] {}), std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks,
                  "what is posted runs as a fiber: it may park, and main is not blocked") {
  run([] {
    int steps = 0;
    weft::this_loop().post([&] {
      CHECK(weft::in_fiber());
      weft::await_sleep(100us);
      ++steps;
    });
    CHECK(steps == 0);
    while (steps == 0) weft::await_sleep(100us);
    CHECK(steps == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "call: the result and the error come back to thread and fiber") {
  weft::background_loop beside;
  CHECK(beside.ref().call([] { return 42; }).get() == 42);
  CHECK_THROWS_WITH_AS(beside.ref().call([]() -> int { throw std::out_of_range("far"); }).get(),
                       "far", std::out_of_range);
  run([&] {
    std::atomic<bool> others_run{false};
    auto other = weft::spawn([&] { others_run = true; });
    const int got = beside.ref()
                        .call([&] {
                          for (int i = 0; i < 10'000 && !others_run; ++i) weft::await_sleep(1ms);
                          return 7;
                        })
                        .get();
    CHECK(got == 7);
    CHECK(others_run);
  });
}

TEST_CASE_FIXTURE(no_leaks, "call: a loop that ends first breaks the promise or cancels the work") {
  std::vector<weft::future<int>> answers;
  {
    weft::background_loop beside;
    for (int i = 0; i < 50; ++i) {
      answers.push_back(beside.ref().call([c = counted()] {
        weft::await_sleep(weft::duration::max());
        return 1;
      }));
    }
  }
  int told = 0;
  for (auto& one : answers) {
    try {
      one.get();
    } catch (const weft::task_cancelled&) {
      ++told;
    } catch (const std::future_error& error) {
      told += error.code() == std::future_errc::broken_promise ? 1 : 0;
    }
  }
  CHECK(told == 50);
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "an await on a plain thread blocks that thread until a fiber answers") {
  weft::background_loop beside;
  weft::promise<int> question;
  weft::promise<int> answer;
  auto answered = answer.get_future();
  beside.ref().post(
      [&, asked = question.get_future()]() mutable { answer.set_value(asked.get() + 1); });
  CHECK_FALSE(weft::in_fiber());
  question.set_value(41);
  CHECK(answered.get() == 42);
}

TEST_CASE_FIXTURE(no_leaks, "a ref copied, moved and assigned refers to the same loop") {
  run([] {
    int ran = 0;
    weft::loop_ref first = weft::this_loop();
    weft::loop_ref second = first;
    weft::loop_ref third = std::move(first);
    weft::loop_ref fourth;
    fourth = third;
    second.post([&] { ++ran; });
    third.post([&] { ++ran; });
    fourth.post([&] { ++ran; });
    while (ran < 3) weft::yield();
    CHECK(ran == 3);
    CHECK_FALSE(first.valid());
    CHECK_FALSE(fourth.has_ended());
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 36: two loops that ring each other lose no wake-up") {
  weft::background_loop beside;
  run([&] {
    const std::size_t rounds = scaled(20'000, 3'000);
    std::size_t answers = 0;
    for (std::size_t i = 0; i < rounds; ++i) {
      answers += static_cast<std::size_t>(beside.ref().call([] { return 1; }).get());
    }
    CHECK(answers == rounds);
  });
}

TEST_CASE_FIXTURE(no_leaks, "torture 36: a loop that was rung sleeps again instead of spinning") {
  run([] {
    std::thread poster([here = weft::this_loop()]() mutable {
      std::this_thread::sleep_for(5ms);  // real: the loop must be asleep in the kernel
      here.post([] {});
    });
    const std::clock_t before = std::clock();
    weft::await_sleep(100ms);
    CHECK(std::clock() - before < CLOCKS_PER_SEC / 50);  // spinning, it is near 95 ms
    poster.join();
  });
}
