// SPDX-License-Identifier: BSL-1.0
// sleep and its like in fibers, by the loop's clock.
#include <chrono>
#include <thread>
#include <vector>

#include <sched.h>
#include <threads.h>
#include <time.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::hooked;

namespace {

// By a clock that jumps, so that an hour takes no time.
template <class F>
void run_on_virtual_time(F&& f) {
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  weft::run(how, f);
}

template <class F>
weft::duration time_of(F&& f) {
  const auto began = weft::now();
  f();
  return weft::now() - began;
}

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: every way to sleep parks for exactly its time") {
  run_on_virtual_time([] {
    const timespec span{5, 500};
    CHECK(time_of([] { CHECK(sleep(3600) == 0); }) == 1h);
    CHECK(time_of([] { CHECK(usleep(2'500'000) == 0); }) == 2500ms);
    CHECK(time_of([&] { CHECK(nanosleep(&span, nullptr) == 0); }) == 5s + 500ns);
    CHECK(time_of([&] { CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &span, nullptr) == 0); }) ==
          5s + 500ns);
    CHECK(time_of([&] { CHECK(thrd_sleep(&span, nullptr) == 0); }) == 5s + 500ns);
    CHECK(time_of([] { std::this_thread::sleep_for(7s); }) == 7s);
    const timespec wrong{0, 2'000'000'000};
    CHECK(nanosleep(&wrong, nullptr) == -1);
    CHECK(errno == EINVAL);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a thousand sleepers take as long as the longest") {
  run_on_virtual_time([] {
    std::vector<weft::task<void>> all;
    for (int i = 0; i < 1000; ++i) {
      all.push_back(spawn([i] { usleep(static_cast<useconds_t>(i)); }));
    }
    const auto took = time_of([&] {
      for (auto& one : all) one.get();
    });
    CHECK(took == 999us);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a sleep until a moment ends then, by the clock that it names") {
  run([] {
    for (const clockid_t clock : {CLOCK_MONOTONIC, CLOCK_REALTIME}) {
      timespec until{};
      clock_gettime(clock, &until);
      until.tv_nsec += 15'000'000;
      if (until.tv_nsec >= 1'000'000'000) {
        until.tv_nsec -= 1'000'000'000;
        ++until.tv_sec;
      }
      int turns = 0;
      bool is_over = false;
      auto other = spawn([&] {
        while (!is_over) {
          ++turns;
          weft::await_sleep(1ms);
        }
      });
      CHECK(clock_nanosleep(clock, TIMER_ABSTIME, &until, nullptr) == 0);
      timespec present{};
      clock_gettime(clock, &present);
      CHECK((present.tv_sec > until.tv_sec ||
             (present.tv_sec == until.tv_sec && present.tv_nsec >= until.tv_nsec)));
      is_over = true;
      other.get();
      CHECK(turns >= 2);
      const timespec past{1, 0};
      CHECK(clock_nanosleep(clock, TIMER_ABSTIME, &past, nullptr) == 0);
    }
    // std::this_thread::sleep_until is one of these
    const auto at = std::chrono::steady_clock::now() + 3ms;
    std::this_thread::sleep_until(at);
    CHECK(std::chrono::steady_clock::now() >= at);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: sched_yield() lets the other fibers run") {
  run([] {
    std::string order;
    auto other = spawn([&] { order += "b"; });
    sched_yield();
    std::this_thread::yield();
    order += "a";
    CHECK(order == "ba");
    other.get();
  });
}
