// SPDX-License-Identifier: BSL-1.0
// interval: no drift, and what follows a late tick.
#include <chrono>
#include <stdexcept>

#include <doctest/doctest.h>

#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/interval.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::interval;
using weft::missed_tick;
using weft_tests::on_every_seed;
using weft_tests::on_virtual_time;

namespace {

// When five ticks end, in ms from the start, if the work after the first takes 25 of them.
std::vector<long> ticks_of(missed_tick policy) {
  const auto start = weft::now();
  interval every(10ms, policy);
  std::vector<long> when;
  for (int i = 0; i < 5; ++i) {
    every.tick();
    when.push_back((weft::now() - start) / 1ms);
    await_sleep(i == 0 ? 25ms : 1ms);
  }
  return when;
}

}  // namespace

TEST_CASE_FIXTURE(on_every_seed, "interval: ticks a period apart, whatever the work between takes") {
  run([] {
    const auto start = weft::now();
    interval every(10ms);
    for (int i = 1; i <= 5; ++i) {
      CHECK(every.tick() == start + i * 10ms);
      CHECK(weft::now() == start + i * 10ms);
      await_sleep(3ms);
    }
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 77: missed ticks burst, delay or are skipped") {
  run([] {
    CHECK(ticks_of(missed_tick::burst) == std::vector<long>{10, 35, 36, 40, 50});
    CHECK(ticks_of(missed_tick::delay) == std::vector<long>{10, 35, 45, 55, 65});
    CHECK(ticks_of(missed_tick::skip) == std::vector<long>{10, 35, 40, 50, 60});
  });
}

TEST_CASE_FIXTURE(on_every_seed, "interval: reset() begins anew; a cancel ends the wait") {
  run([] {
    const auto start = weft::now();
    interval every(10ms);
    await_sleep(9ms);
    every.reset();
    every.tick();
    CHECK(weft::now() - start == 19ms);
    CHECK_FALSE(weft::move_on_after(1ms, [&] { every.tick(); }));
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "interval: a period of zero or less is refused") {
  run([] {
    CHECK_THROWS_WITH_AS(interval(0ms), doctest::Contains("0 ns"), std::logic_error);
    CHECK_THROWS_AS(interval(-1s), std::logic_error);
  });
}
