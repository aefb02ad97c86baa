// SPDX-License-Identifier: BSL-1.0
// The timers against a model that keeps them sorted, whatever is set, withdrawn and due.
#include "loop/timer_heap.hpp"

#include <map>
#include <random>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "loop/tick_clock.hpp"
#include "support/seed.hpp"

using namespace std::chrono_literals;
using weft::time_point;
using weft::detail::timer;
using weft::detail::timer_heap;

namespace {

using key = std::pair<time_point, std::uint64_t>;

struct model {
  explicit model(std::size_t most) : timers(most), keys(most) { heap.reserve(most); }

  void arm(std::size_t i, time_point deadline) {
    heap.arm(timers[i], deadline);
    keys[i] = {deadline, ++sequence};
    order.emplace(keys[i], i);
  }
  void disarm(std::size_t i) {
    heap.disarm(timers[i]);
    order.erase(keys[i]);
  }
  // All that is due comes out, in the model's order.
  void expire(time_point now) {
    while (!order.empty() && order.begin()->first.first <= now) {
      timer* const due = heap.pop_due(now);
      REQUIRE(due == &timers[order.begin()->second]);
      CHECK_FALSE(due->is_armed());
      order.erase(order.begin());
    }
    REQUIRE(heap.pop_due(now) == nullptr);
  }
  void check() const {
    REQUIRE(heap.empty() == order.empty());
    const time_point first = order.empty() ? time_point::max() : order.begin()->first.first;
    REQUIRE(heap.next_deadline() == first);
    REQUIRE(heap.look_by() == first);  // without slack
  }

  timer_heap heap;
  std::vector<timer> timers;
  std::vector<key> keys;
  std::map<key, std::size_t> order;
  std::uint64_t sequence = 0;
};

}  // namespace

TEST_CASE("sem 72: timers fire in order of deadline, then of creation, whatever leaves in between") {
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const std::size_t most : {5U, 40U, 300U}) {
    model all(most);
    time_point now{};
    for (int step = 0; step < 20'000; ++step) {
      const std::size_t i = random() % most;
      if (all.timers[i].is_armed()) {
        all.disarm(i);
      } else {
        all.arm(i, now + (random() % 50) * 1ms);  // many are equal
      }
      if (random() % 8 == 0) all.expire(now += 1ms);
      all.check();
    }
    all.expire(now + 1h);
    all.check();
  }
}

TEST_CASE("sem 73: a million timeouts set and withdrawn leave nothing behind") {
  timer_heap heap;
  timer one;
  timer other;
  heap.reserve(2);
  heap.arm(other, time_point(1h));
  for (int i = 0; i < 1'000'000; ++i) {
    heap.arm(one, time_point(1h + i * 1us));
    heap.disarm(one);
  }
  CHECK(heap.next_deadline() == time_point(1h));
  heap.disarm(other);
  CHECK(heap.empty());
}

TEST_CASE("tick clock: what it tells is never before the clock, and soon after") {
  weft::detail::tick_clock counted;
  const auto ask = [&] {
    const std::uint64_t before = counted.ticks();
    const time_point told = weft::clock::now();
    counted.note(before, told);
  };
  const time_point end = weft::clock::now() + 100ms;
  long told = 0;
  while (weft::clock::now() < end) {
    ask();
    for (int i = 0; i < 100; ++i) {
      const time_point before = weft::clock::now();
      const time_point present = counted.present();
      if (present == time_point::min()) continue;
      ++told;
      REQUIRE(present >= before);
      // However long this thread was stopped in between, the counter was trusted for 64 us.
      REQUIRE(present <= before + 64us + 10us);
    }
  }
  MESSAGE("told " << told << " times");
}

TEST_CASE("tick clock: it is not before a clock that has become a twentieth faster, either") {
  weft::detail::tick_clock counted;
  const time_point start = weft::clock::now();
  const time_point measured = start + 30ms;  // the rate is known by then
  const auto faster = [&] {
    const time_point real = weft::clock::now();
    return real < measured ? real : real + (real - measured) / 20;
  };
  const auto ask = [&] {
    const std::uint64_t before = counted.ticks();
    counted.note(before, faster());
  };
  ask();
  while (weft::clock::now() < measured) continue;
  for (int round = 0; round < 200; ++round) {
    ask();
    const time_point asked = weft::clock::now();
    while (weft::clock::now() < asked + 40us) continue;
    const time_point before = faster();
    const time_point present = counted.present();
    if (present == time_point::min()) continue;  // stopped in between, or no steady counter
    REQUIRE(present >= before);
  }
}
