// SPDX-License-Identifier: BSL-1.0
// A million deadlines, half of them taken back: the others are met once each, never early, in
// order of deadline and, where that is the same, of arming.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "loop/loop.hpp"
#include "support/build_kind.hpp"
#include "support/seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::detail::timer;
using weft_tests::on_virtual_time;
using weft_tests::scaled;

namespace {

struct recorder;

struct alarm_clock : timer {
  recorder* told = nullptr;
  std::size_t number = 0;  // in order of arming
  unsigned fired = 0;
  bool is_cancelled = false;
};

// What fired, in its order.
struct recorder {
  std::vector<const alarm_clock*> order;
  std::size_t early = 0;
};

void note(timer& expired) noexcept {
  auto& mine = static_cast<alarm_clock&>(expired);
  ++mine.fired;
  if (weft::now() < mine.deadline) ++mine.told->early;
  mine.told->order.push_back(&mine);
}

bool is_in_order(const std::vector<const alarm_clock*>& fired) {
  return std::is_sorted(fired.begin(), fired.end(), [](const alarm_clock* a, const alarm_clock* b) {
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->number < b->number;
  });
}

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "torture 12: a million timers, half cancelled: once, never early, in order") {
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  const std::size_t on_one_tick = scaled(10'000, 1'000);
  const std::size_t count = on_one_tick + scaled(1'000'000, 50'000);
  run([&] {
    weft::detail::timer_heap& timers = weft::detail::whole(*weft::detail::running_loop()).timers;
    timers.reserve(count + 16);
    std::mt19937 random(seed);
    recorder told;
    told.order.reserve(count);
    std::vector<alarm_clock> all(count);
    const weft::time_point begin = weft::now();
    const weft::time_point tick = begin + 500ms;
    // Those of one tick stand among the others, and deadlines come more than once.
    std::vector<weft::time_point> deadlines(count, tick);
    for (std::size_t i = on_one_tick; i < count; ++i) {
      deadlines[i] = begin + 1us * static_cast<long>(random() % 1'000'000);
    }
    std::shuffle(deadlines.begin(), deadlines.end(), random);
    for (std::size_t i = 0; i < count; ++i) {
      all[i].told = &told;
      all[i].number = i;
      all[i].fire = &note;
      timers.arm(all[i], deadlines[i]);
    }
    std::vector<std::size_t> victims(count);
    for (std::size_t i = 0; i < count; ++i) victims[i] = i;
    std::shuffle(victims.begin(), victims.end(), random);
    victims.resize(count / 2);
    // Half of them before the first one fires, half on the way.
    const auto cancel = [&](std::size_t from, std::size_t to) {
      for (std::size_t i = from; i < to; ++i) {
        alarm_clock& victim = all[victims[i]];
        if (!victim.is_armed()) continue;
        timers.disarm(victim);
        victim.is_cancelled = true;
      }
    };
    cancel(0, count / 4);
    weft::await_sleep_until(tick - 1ms);
    cancel(count / 4, count / 2);
    const std::size_t before_the_tick = told.order.size();
    weft::await_sleep_until(begin + 2s);
    std::size_t wrong = 0;
    std::size_t cancelled = 0;
    for (const alarm_clock& one : all) {
      wrong += one.fired != (one.is_cancelled ? 0U : 1U) ? 1 : 0;
      cancelled += one.is_cancelled ? 1 : 0;
    }
    CHECK(wrong == 0);
    CHECK(told.early == 0);
    CHECK(told.order.size() == count - cancelled);
    CHECK(cancelled > count / 3);
    CHECK(before_the_tick > count / 4);
    CHECK(is_in_order(told.order));
    CHECK(timers.empty());
  });
}

TEST_CASE_FIXTURE(
    on_virtual_time,
    "torture 12: ten thousand sleepers of one tick wake on it, in order of falling asleep") {
  run([] {
    const std::size_t count = scaled(10'000, 1'000);
    const weft::time_point tick = weft::now() + 1h;
    std::vector<std::size_t> woken;
    std::vector<weft::task<>> sleepers;
    std::size_t late_or_early = 0;
    for (std::size_t i = 0; i < count; ++i) {
      sleepers.push_back(weft::spawn([&, i] {
        weft::await_sleep_until(tick);
        if (weft::now() != tick) ++late_or_early;
        woken.push_back(i);
      }));
    }
    weft::yield();
    std::size_t cancelled = 0;
    for (std::size_t i = 0; i < count; i += 2) cancelled += sleepers[i].cancel() ? 1 : 0;
    for (auto& one : sleepers) one.join();
    CHECK(cancelled == count / 2);
    CHECK(late_or_early == 0);
    REQUIRE(woken.size() == count / 2);
    for (std::size_t i = 0; i < woken.size(); ++i) {
      if (woken[i] != 2 * i + 1) FAIL("at ", i, " woke ", woken[i]);
    }
  });
}

TEST_CASE_FIXTURE(
    on_virtual_time,
    "torture 12: a hundred thousand sleep at random, half are cancelled at random times") {
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  run([&] {
    const std::size_t count = scaled(100'000, 2'000);
    std::mt19937 random(seed);
    std::size_t slept = 0;
    std::size_t early = 0;
    weft::time_point last{};
    std::size_t out_of_order = 0;
    std::vector<weft::task<>> sleepers;
    for (std::size_t i = 0; i < count; ++i) {
      const auto span = 1us * static_cast<long>(1 + random() % 1'000'000);
      sleepers.push_back(weft::spawn([&, span] {
        const weft::time_point deadline = weft::now() + span;
        weft::await_sleep_until(deadline);
        ++slept;
        if (weft::now() < deadline) ++early;
        if (deadline < last) ++out_of_order;
        last = deadline;
      }));
    }
    std::shuffle(sleepers.begin(), sleepers.end(), random);
    std::size_t cancelled = 0;
    for (std::size_t i = 0; i < count / 2; ++i) {
      if (i % 100 == 0) weft::await_sleep(1ms);
      cancelled += sleepers[i].cancel() ? 1 : 0;
    }
    for (auto& one : sleepers) one.join();
    CHECK(slept + cancelled == count);
    CHECK(cancelled > count / 8);
    CHECK(early == 0);
    CHECK(out_of_order == 0);
  });
}
