// SPDX-License-Identifier: BSL-1.0
// Sleeping: any span or deadline that the types allow is safe, none ends early, equal ones end in
// the order in which they began.
#include <algorithm>
#include <chrono>
#include <cmath>
#include <csignal>
#include <limits>
#include <ratio>
#include <stdexcept>
#include <vector>

#include <sys/time.h>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::no_leaks;

namespace {

struct virtual_time : no_leaks {
  virtual_time() { how.time = &clock; }
  weft::testing::virtual_clock clock;
  weft::options how;
};

// True if `sleep` lets others run exactly once and no time pass.
template <class F>
bool yields_once(F sleep) {
  int turns_of_other = 0;
  auto other = weft::spawn([&] {
    for (;;) {
      ++turns_of_other;
      weft::yield();
    }
  });
  const auto start = weft::now();
  sleep();
  return turns_of_other == 1 && weft::now() == start;
}

// True if `sleep` is still asleep after a year, and ends when cancelled.
template <class F>
bool is_endless(F sleep) {
  auto sleeper = weft::spawn(sleep);
  weft::await_sleep(24h * 365);
  const bool asleep = !sleeper.done();
  sleeper.cancel();
  sleeper.join();
  return asleep && sleeper.was_cancelled();
}

}  // namespace

TEST_CASE_FIXTURE(virtual_time,
                  "sem 72: equal deadlines fire in the order in which they were set") {
  run(how, [] {
    std::vector<int> woken;
    std::vector<weft::task<>> sleepers;
    const auto deadline = weft::now() + 1s;
    for (int i = 0; i < 100; ++i) {
      sleepers.push_back(weft::spawn([&woken, deadline, i] {
        weft::await_sleep_until(deadline);
        woken.push_back(i);
      }));
    }
    for (auto& one : sleepers) one.join();
    std::vector<int> expected;
    for (int i = 0; i < 100; ++i) expected.push_back(i);
    CHECK(woken == expected);
  });
}

TEST_CASE_FIXTURE(virtual_time, "sem 72: many deadlines in random order fire sorted, ties by age") {
  run(how, [] {
    std::vector<std::pair<int, int>> woken;
    std::vector<weft::task<>> sleepers;
    unsigned random = 12345;
    for (int i = 0; i < 500; ++i) {
      random = random * 1103515245U + 12345U;
      const int wait = static_cast<int>(random >> 16) % 40 + 1;
      sleepers.push_back(weft::spawn([&woken, wait, i] {
        weft::await_sleep(std::chrono::seconds(wait));
        woken.emplace_back(wait, i);
      }));
    }
    for (std::size_t i = 0; i < sleepers.size(); i += 3) sleepers[i].cancel();
    for (auto& one : sleepers) one.join();
    CHECK(std::is_sorted(woken.begin(), woken.end()));
    CHECK(woken.size() == 500 - 167);
  });
}

TEST_CASE_FIXTURE(no_leaks, "sem 72: a sleep on the machine's clock is never shorter than asked") {
  run([] {
    for (const auto span : {1ns, 1000ns, 100'000ns, 999'999ns, 1'000'001ns, 3'300'000ns}) {
      const auto start = std::chrono::steady_clock::now();
      weft::await_sleep(span);
      CHECK(std::chrono::steady_clock::now() - start >= span);
    }
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "sem 72: sleep(duration::max()) and its like park until cancelled") {
  run(how, [] {
    using namespace std::chrono;
    CHECK(is_endless([] { weft::await_sleep(weft::duration::max()); }));
    CHECK(is_endless([] { weft::await_sleep(hours::max()); }));
    CHECK(is_endless([] { weft::await_sleep(seconds::max()); }));
    CHECK(is_endless([] { weft::await_sleep(duration<double>(1e300)); }));
    CHECK(is_endless([] { weft::await_sleep(duration<double>(INFINITY)); }));
    CHECK(is_endless([] { weft::await_sleep(duration<unsigned long long>(~0ULL)); }));
    CHECK(
        is_endless([] { weft::await_sleep(duration<int, std::ratio<1'000'000'000>>(2'000'000)); }));
    CHECK(is_endless([] { weft::await_sleep_until(weft::time_point::max()); }));
    CHECK(is_endless([] { weft::await_sleep_until(time_point<weft::clock, hours>::max()); }));
    CHECK(is_endless([] { weft::this_fiber::sleep_for(hours::max()); }));
    CHECK(is_endless(
        [] { weft::this_fiber::sleep_until(time_point<weft::clock, duration<double>>::max()); }));
  });
}

TEST_CASE_FIXTURE(virtual_time, "H30: zero, negative and smallest spans yield once") {
  run(how, [] {
    using namespace std::chrono;
    CHECK(yields_once([] { weft::await_sleep(weft::duration::zero()); }));
    CHECK(yields_once([] { weft::await_sleep(-1ns); }));
    CHECK(yields_once([] { weft::await_sleep(weft::duration::min()); }));
    CHECK(yields_once([] { weft::await_sleep(hours::min()); }));
    CHECK(yields_once([] { weft::await_sleep(-5h); }));
    CHECK(yields_once([] { weft::await_sleep(duration<double>(-1e300)); }));
    CHECK(yields_once([] { weft::await_sleep(duration<double>(-INFINITY)); }));
    CHECK(yields_once([] { weft::this_fiber::sleep_for(0h); }));
  });
}

TEST_CASE_FIXTURE(virtual_time,
                  "H30: deadlines that are now, past or time_point::min() yield once") {
  run(how, [] {
    using namespace std::chrono;
    CHECK(yields_once([] { weft::await_sleep_until(weft::now()); }));
    CHECK(yields_once([] { weft::await_sleep_until(weft::now() - 1ns); }));
    CHECK(yields_once([] { weft::await_sleep_until(weft::time_point::min()); }));
    CHECK(yields_once([] { weft::await_sleep_until(weft::time_point()); }));
    CHECK(yields_once([] { weft::await_sleep_until(time_point<weft::clock, hours>::min()); }));
    CHECK(yields_once([] { weft::this_fiber::sleep_until(weft::time_point::min()); }));
  });
}

TEST_CASE_FIXTURE(virtual_time, "H30: a span that is not a number throws std::logic_error") {
  run(how, [] {
    const std::chrono::duration<double> nan(std::numeric_limits<double>::quiet_NaN());
    CHECK_THROWS_WITH_AS(weft::await_sleep(nan), "weft: a duration is not a number (NaN)",
                         std::logic_error);
    CHECK_THROWS_AS(weft::this_fiber::sleep_for(nan), std::logic_error);
    CHECK_THROWS_AS(weft::await_sleep_until(
                        std::chrono::time_point<weft::clock, std::chrono::duration<double>>(nan)),
                    std::logic_error);
  });
}

TEST_CASE_FIXTURE(virtual_time, "H30: coarse and fine units mean the same span") {
  run(how, [] {
    const auto start = weft::now();
    weft::await_sleep(1h);
    weft::await_sleep(std::chrono::duration<double>(0.5));
    weft::await_sleep(std::chrono::duration<int, std::ratio<86400>>(1));
    weft::await_sleep(1ns);
    CHECK(weft::now() - start == 25h + 500ms + 1ns);
  });
}

TEST_CASE("await_sleep on a plain thread blocks that thread, and never shorter") {
  const auto start = std::chrono::steady_clock::now();
  weft::await_sleep(2ms);
  weft::await_sleep_until(weft::now() + 2ms);
  CHECK(std::chrono::steady_clock::now() - start >= 4ms);
  const auto at_once = std::chrono::steady_clock::now();
  weft::await_sleep(-1h);
  weft::await_sleep(weft::duration::min());
  weft::await_sleep_until(weft::time_point::min());
  weft::yield();
  CHECK(std::chrono::steady_clock::now() - at_once < 10s);
}

TEST_CASE("sem 80: a signal does not end the sleep of a plain thread early") {
  static volatile std::sig_atomic_t rings = 0;
  struct sigaction mine {
  }, before{};
  mine.sa_handler = [](int) { rings = rings + 1; };
  sigaction(SIGALRM, &mine, &before);
  const auto start = std::chrono::steady_clock::now();
  const itimerval soon{{0, 0}, {0, 2'000}};
  setitimer(ITIMER_REAL, &soon, nullptr);
  weft::await_sleep(20ms);
  CHECK(std::chrono::steady_clock::now() - start >= 20ms);
  CHECK(rings == 1);
  sigaction(SIGALRM, &before, nullptr);
}

TEST_CASE("torture 13: the machine's clock is the monotonic one") {
  // Not even a test can set CLOCK_REALTIME; that no sleep depends on it holds by construction.
  CHECK(std::is_same_v<weft::clock, std::chrono::steady_clock>);
  const auto before = std::chrono::steady_clock::now();
  const auto outside = weft::now();
  const auto inside = weft::run([] { return weft::now(); });
  const auto after = std::chrono::steady_clock::now();
  CHECK(before <= outside);
  CHECK(outside <= inside);
  CHECK(inside <= after);
}
