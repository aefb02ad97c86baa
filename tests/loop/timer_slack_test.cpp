// SPDX-License-Identifier: BSL-1.0
// Timer slack: close deadlines share one wait for the kernel, none is later than its own slack, and
// the order is exact. No test sleeps: the clock moves by what the loop wanted to wait.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <memory>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "loop/loop.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::detail::timer;
using weft::detail::timer_heap;
using weft_tests::no_leaks;

namespace {

// Wall time to the loop; stands still but for waits.
struct patient_clock final : weft::clock_source {
  weft::time_point now() noexcept override { return present; }
  weft::time_point present{1h};
};

// A kernel in which nothing ever happens.
struct silent_poller final : weft::detail::poller {
  explicit silent_poller(patient_clock& which) : clock(which) {}
  void wait(weft::duration longest) noexcept override {
    if (longest == weft::duration::zero()) return;
    ++waits;
    clock.present += longest;
  }
  long watch(int, weft::detail::descriptor_slot&) noexcept override { return -1; }
  long watch_once(int, weft::detail::descriptor_slot&, short) noexcept override { return -1; }
  bool is_watched(int, weft::detail::descriptor_slot&, short) noexcept override { return true; }
  long watch_shared(int, std::uint32_t) noexcept override { return -1; }
  void unwatch(int) noexcept override {}
  void abandon() noexcept override {}
  void renew(int) override {}
  int descriptor() const noexcept override { return -1; }
  patient_clock& clock;
  std::size_t waits = 0;
};

struct nap {
  weft::duration span;
  weft::duration late{};
};

struct on_patient_clock : no_leaks {
  // Returns how often the loop slept.
  template <class F>
  std::size_t run_silently(F&& body) {
    how.time = &clock;
    std::size_t waits = 0;
    run(how, [&] {
      auto silent = std::make_unique<silent_poller>(clock);
      const silent_poller& counting = *silent;
      weft::detail::whole(*weft::detail::running_loop()).kernel = std::move(silent);
      body();
      waits = counting.waits;
    });
    return waits;
  }

  // One fiber for each, all from one moment.
  std::size_t sleep_all(std::vector<nap>& naps) {
    return run_silently([&] {
      std::vector<weft::task<>> sleepers;
      for (nap& each : naps) {
        sleepers.push_back(weft::spawn([this, &each] {
          const auto deadline = weft::now() + each.span;
          weft::await_sleep(each.span);
          each.late = weft::now() - deadline;
          woken.push_back(&each);
        }));
      }
      for (auto& each : sleepers) each.join();
    });
  }

  patient_clock clock;
  weft::options how;
  std::vector<const nap*> woken;
};

weft::duration latest_of(const std::vector<nap>& naps) {
  weft::duration latest{};
  for (const nap& each : naps) latest = std::max(latest, each.late);
  return latest;
}

// One each 10 us from 900 ms on.
std::vector<nap> close_naps(std::size_t count) {
  std::vector<nap> naps;
  for (std::size_t i = 0; i < count; ++i) naps.push_back({900ms + i * 10us});
  return naps;
}

// What look_by() may answer: see timer_heap.hpp.
weft::time_point strictest(const std::vector<std::pair<weft::time_point, weft::duration>>& armed) {
  weft::time_point least = weft::time_point::max();
  for (const auto& [deadline, slack] : armed) least = std::min(least, deadline + slack);
  return least;
}

}  // namespace

TEST_CASE_FIXTURE(on_patient_clock, "timer slack: close deadlines share a wait, in exact order") {
  auto naps = close_naps(1000);
  std::reverse(naps.begin(), naps.end());
  CHECK(sleep_all(naps) <= 1000 / 45);  // 500 us hold 50 of them
  CHECK(latest_of(naps) <= 500us);
  CHECK(latest_of(naps) > 400us);
  const bool in_order = std::is_sorted(woken.begin(), woken.end(),
                                       [](auto* a, auto* b) { return a->span < b->span; });
  CHECK(in_order);
}

TEST_CASE_FIXTURE(on_patient_clock,
                  "timer slack: none is early, or later than 1/1024 of its wait") {
  std::mt19937 random(weft_tests::seed_of_this_run());
  std::vector<nap> naps;
  for (int i = 0; i < 3000; ++i) naps.push_back({1us * (1 + random() % 1'000'000)});
  CHECK(sleep_all(naps) < 1500);
  std::size_t wrong = 0;
  for (const nap& each : naps) {
    const bool right =
        each.late >= 0ns && each.late <= std::min<weft::duration>(each.span / 1024, 500us);
    wrong += right ? 0 : 1;
  }
  CHECK(wrong == 0);
}

TEST_CASE_FIXTURE(on_patient_clock, "timer slack: a short wait among long ones is exact") {
  auto naps = close_naps(200);
  weft::duration late = weft::duration::max();
  run_silently([&] {
    std::vector<weft::task<>> sleepers;
    for (const nap& each : naps) {
      sleepers.push_back(weft::spawn([&each] { weft::await_sleep(each.span); }));
    }
    weft::await_sleep(899ms);
    const auto deadline = weft::now() + 1050us;  // the others have begun to be due
    weft::await_sleep_until(deadline);
    late = weft::now() - deadline;
    for (auto& each : sleepers) each.join();
  });
  CHECK(late == 0ns);
}

TEST_CASE_FIXTURE(on_patient_clock, "timer slack: zero, or a wait below 4 ms, is exact") {
  auto naps = close_naps(100);
  how.timer_slack = 0ns;
  CHECK(sleep_all(naps) == 100);
  CHECK(latest_of(naps) == 0ns);
  how.timer_slack = 500us;
  std::vector<nap> brief;
  for (int i = 1; i < 40; ++i) brief.push_back({i * 100us});
  CHECK(sleep_all(brief) == 39);
  CHECK(latest_of(brief) == 0ns);
}

TEST_CASE_FIXTURE(on_patient_clock, "timer slack: it is held to [0, 1 ms]") {
  how.timer_slack = 1h;
  std::vector<nap> naps = {{100s}, {100s + 1ms}};
  sleep_all(naps);
  CHECK(naps.front().late > 1ms);
  CHECK(naps.front().late < 1050us);
  how.timer_slack = weft::duration::min();
  sleep_all(naps);
  CHECK(latest_of(naps) == 0ns);
}

TEST_CASE_FIXTURE(on_patient_clock, "timer slack: the timed wait for a future has it, too") {
  run_silently([&] {
    weft::promise<int> never;
    auto waiting = never.get_future();
    const auto deadline = weft::now() + 1s;
    CHECK_FALSE(waiting.wait_until(deadline));
    CHECK(weft::now() > deadline);
    CHECK(weft::now() <= deadline + 500us);
  });
}

TEST_CASE("timer slack: however many are due at once, none is overlooked") {
  std::mt19937 random(weft_tests::seed_of_this_run());
  for (int round = 0; round < 300; ++round) {
    const std::size_t count = 1 + random() % 400;
    timer_heap heap;
    heap.reserve(count);
    std::vector<timer> timers(count);
    std::vector<std::pair<weft::time_point, weft::duration>> armed;
    for (timer& each : timers) {
      const weft::time_point deadline{1h + 1us * (random() % 1000)};
      // Patient ones, and the odd one that can't wait.
      const weft::duration slack{random() % 100 == 0 ? 0 : 4096 * (200 + random() % 56)};
      heap.arm(each, deadline, slack);
      armed.emplace_back(deadline, slack);
    }
    std::sort(armed.begin(), armed.end());
    const auto by = heap.look_by();
    const auto allowed = strictest(armed);
    CHECK(by <= allowed);
    // Less only if so many are due before that it is worth a look.
    const bool is_tight = by == allowed || (count > 64 && by >= armed[64].first);
    CHECK(is_tight);
    for (timer& each : timers) heap.disarm(each);
    CHECK(heap.look_by() == weft::time_point::max());
  }
}
