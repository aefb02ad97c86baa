// SPDX-License-Identifier: BSL-1.0
// Durations of every unit, held to the clock's range; deadlines that never overflow.
#include "weft/time.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <ratio>
#include <stdexcept>

#include <doctest/doctest.h>

using namespace std::chrono_literals;
using weft::duration;
using weft::time_point;
using weft::detail::saturate;
using weft::detail::saturating_add;
using weft::detail::saturating_gap;

// The clock's unit is what the expectations below are written in.
static_assert(std::is_same_v<duration, std::chrono::nanoseconds>);

TEST_CASE("time: a duration that fits is converted exactly") {
  CHECK(saturate(0s) == duration(0));
  CHECK(saturate(1ns) == duration(1));
  CHECK(saturate(-7us) == duration(-7000));
  CHECK(saturate(1h) == duration(3'600'000'000'000));
  // The last whole second on each side.
  CHECK(saturate(std::chrono::seconds(9'223'372'036)) == duration(9'223'372'036'000'000'000));
  CHECK(saturate(std::chrono::seconds(-9'223'372'036)) == duration(-9'223'372'036'000'000'000));
  // 53 bits of a double are not enough for this one.
  CHECK(saturate(std::chrono::microseconds(9'007'199'254'740'993)).count() ==
        9'007'199'254'740'993'000);
}

TEST_CASE("time: a duration beyond the clock's range becomes its end") {
  CHECK(saturate(std::chrono::seconds(9'223'372'037)) == duration::max());
  CHECK(saturate(std::chrono::seconds(-9'223'372'037)) == duration::min());
  CHECK(saturate(std::chrono::hours::max()) == duration::max());
  CHECK(saturate(std::chrono::hours::min()) == duration::min());
  CHECK(saturate(std::chrono::milliseconds::max()) == duration::max());
  CHECK(saturate(duration::max()) == duration::max());
  CHECK(saturate(duration::min()) == duration::min());
  using unsigned_ns = std::chrono::duration<std::uint64_t, std::nano>;
  CHECK(saturate(unsigned_ns::max()) == duration::max());
  CHECK(saturate(unsigned_ns(std::uint64_t{1} << 63)) == duration::max());
  CHECK(saturate(unsigned_ns((std::uint64_t{1} << 63) - 1)) == duration::max());
  using years = std::chrono::duration<std::int64_t, std::ratio<31556952>>;
  CHECK(saturate(years(293)) == duration::max());
}

TEST_CASE("time: a unit that is no multiple of the clock's is converted without overflow") {
  // Thirds of a second: count times 10^9 would not fit, the result does.
  using thirds = std::chrono::duration<std::int64_t, std::ratio<1, 3>>;
  CHECK(saturate(thirds(3)) == 1s);
  CHECK(saturate(thirds(20'000'000'000)).count() / 1'000'000'000 == 6'666'666'666);
  CHECK(saturate(thirds(-20'000'000'000)).count() / 1'000'000'000 == -6'666'666'666);
  using frames = std::chrono::duration<std::int64_t, std::ratio<1, 60>>;
  CHECK(saturate(frames(200'000'000'000)).count() / 1'000'000'000 == 3'333'333'333);
}

TEST_CASE("time: picoseconds are cut to the clock's unit") {
  using picoseconds = std::chrono::duration<std::int64_t, std::pico>;
  CHECK(saturate(picoseconds(1999)) == 1ns);
  CHECK(saturate(picoseconds::max()).count() == picoseconds::max().count() / 1000);
}

TEST_CASE("time: floating-point durations are held to the range, infinity included") {
  using seconds = std::chrono::duration<double>;
  using float_hours = std::chrono::duration<float, std::ratio<3600>>;
  CHECK(saturate(seconds(0.25)) == 250ms);
  CHECK(saturate(seconds(-0.5)) == -500ms);
  CHECK(saturate(seconds(1e300)) == duration::max());
  CHECK(saturate(seconds(-1e300)) == duration::min());
  CHECK(saturate(seconds(std::numeric_limits<double>::infinity())) == duration::max());
  CHECK(saturate(seconds(-std::numeric_limits<double>::infinity())) == duration::min());
  CHECK(saturate(float_hours(1.5F)) == 90min);
  CHECK(saturate(seconds::max()) == duration::max());
  CHECK(saturate(std::chrono::duration<long double, std::nano>(9223372036854775808.0L)) ==
        duration::max());
}

TEST_CASE("time: a duration that is not a number is refused") {
  using seconds = std::chrono::duration<double>;
  CHECK_THROWS_WITH_AS(saturate(seconds(std::numeric_limits<double>::quiet_NaN())),
                       "weft: a duration is not a number (NaN)", std::logic_error);
}

TEST_CASE("time: a deadline of any unit is held to the clock's range") {
  using hours_point = std::chrono::time_point<weft::clock, std::chrono::hours>;
  CHECK(saturate(hours_point(2h)) == time_point(2h));
  CHECK(saturate(hours_point::max()) == time_point::max());
  CHECK(saturate(hours_point::min()) == time_point::min());
}

TEST_CASE("time: adding to a time point stops at the ends of the range") {
  const time_point start(1h);
  CHECK(saturating_add(start, 5ns) == start + 5ns);
  CHECK(saturating_add(start, -5ns) == start - 5ns);
  CHECK(saturating_add(start, duration::max()) == time_point::max());
  CHECK(saturating_add(time_point::max(), 1ns) == time_point::max());
  CHECK(saturating_add(time_point::min(), -1ns) == time_point::min());
  CHECK(saturating_add(time_point(-1ns), duration::min()) == time_point::min());
  CHECK(saturating_add(time_point::max(), duration::min()) == time_point(-1ns));
}

TEST_CASE("time: the gap to a deadline is never negative and never overflows") {
  const time_point start(1h);
  CHECK(saturating_gap(start, start + 3us) == 3us);
  CHECK(saturating_gap(start, start) == duration::zero());
  CHECK(saturating_gap(start, start - 1ns) == duration::zero());
  CHECK(saturating_gap(start, time_point::min()) == duration::zero());
  CHECK(saturating_gap(time_point(-1h), time_point::max()) == duration::max());
  CHECK(saturating_gap(time_point::min(), time_point::max()) == duration::max());
  CHECK(saturating_gap(time_point::min(), start) == duration::max());
}

TEST_CASE("time: the conversions work in constant expressions") {
  static_assert(saturate(std::chrono::hours::max()) == duration::max());
  static_assert(saturate(2ms) == duration(2'000'000));
  static_assert(saturating_add(time_point::max(), 1s) == time_point::max());
  static_assert(saturating_gap(time_point(1s), time_point(3s)) == 2s);
  CHECK(saturate(2ms) == duration(2'000'000));
}

TEST_CASE("time: outside a loop now() is the machine's monotonic clock") {
  const time_point before = weft::clock::now();
  const time_point asked = weft::now();
  const time_point after = weft::clock::now();
  CHECK(before <= asked);
  CHECK(asked <= after);
}

TEST_CASE("time: a clock of one's own says no to jumping and yes to wall time by default") {
  struct fixed final : weft::clock_source {
    time_point now() noexcept override { return time_point(1h); }
  } own;
  CHECK_FALSE(own.jump(time_point(2h)));
  CHECK(own.is_wall_time());
}
