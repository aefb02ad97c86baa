// SPDX-License-Identifier: BSL-1.0
// Time as weft measures it: one monotonic clock that a test may replace. Layer: base.
// Ask weft::now(), not the standard clock, wherever a deadline is computed: under a
// testing::virtual_clock only the former moves.
#pragma once

#include <chrono>
#include <ratio>
#include <stdexcept>
#include <type_traits>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

using clock = std::chrono::steady_clock;
using time_point = clock::time_point;
using duration = clock::duration;

// Where a loop takes its time from. Derive from it to feed a loop another time; weft brings the
// machine's monotonic clock (the default) and testing::virtual_clock.
// Lifetime: must outlive every loop that uses it.
class WEFT_API clock_source {
 public:
  virtual ~clock_source();

  // Tells the present time; never goes back.  Parks: never.  Calls from: the loop's thread.
  virtual time_point now() noexcept = 0;

  // Called by a loop in which nothing can run before `next` (time_point::max(): no timer at all).
  // Returns true if it moved its time to `next`, so that the loop need not wait; false to let the
  // loop wait for the kernel.  Parks: never.  Calls from: the loop's thread.
  virtual bool jump(time_point next) noexcept;

  // True if a loop may sleep in the kernel until a deadline of this clock. A clock that answers
  // false is asked again only when a descriptor or another thread wakes the loop.
  virtual bool is_wall_time() const noexcept;
};

// Tells the time of the running loop's clock, or of the machine's monotonic clock outside a loop.
// Parks: never.  Calls from: any thread.
WEFT_API time_point now() noexcept;

namespace detail {

// Any duration in the clock's unit, held to its range instead of overflowing (HAZARD: a caller's
// hours::max() times 3.6e12 is undefined behaviour in a plain conversion).
// Throws: std::logic_error for a floating-point duration that is not a number.
template <class Rep, class Period>
constexpr duration saturate(std::chrono::duration<Rep, Period> span) {
  if constexpr (std::is_same_v<std::chrono::duration<Rep, Period>, duration>) {
    return span;
  } else {
    using wide = std::chrono::duration<long double, duration::period>;
    const long double ticks = wide(span).count();
    if (ticks != ticks) throw std::logic_error("weft: a duration is not a number (NaN)");
    // 2^63 is the first long double that does not fit; compare there, not at max() which rounds.
    if (ticks >= 9223372036854775808.0L) return duration::max();
    if (ticks <= -9223372036854775808.0L) return duration::min();
    // duration_cast multiplies before it divides, and overflows for units such as thirds of a
    // second. Its 64-bit integers are exact where the clock's unit divides the caller's.
    constexpr bool is_multiple = std::ratio_divide<Period, duration::period>::den == 1;
    if constexpr (std::is_floating_point_v<Rep> || !is_multiple) {
      return duration(static_cast<duration::rep>(ticks));
    } else {
      return std::chrono::duration_cast<duration>(span);
    }
  }
}

// from + span without overflow: an endless sleep stays endless.
constexpr time_point saturating_add(time_point from, duration span) noexcept {
  duration::rep ticks = 0;
  if (__builtin_add_overflow(from.time_since_epoch().count(), span.count(), &ticks)) {
    return span.count() > 0 ? time_point::max() : time_point::min();
  }
  return time_point(duration(ticks));
}

// until - from, held to [0, max]: how long there is still to wait.
constexpr duration saturating_gap(time_point from, time_point until) noexcept {
  if (until <= from) return duration::zero();
  duration::rep ticks = 0;
  if (__builtin_sub_overflow(until.time_since_epoch().count(), from.time_since_epoch().count(),
                             &ticks)) {
    return duration::max();
  }
  return duration(ticks);
}

template <class Duration>
constexpr time_point saturate(std::chrono::time_point<clock, Duration> when) {
  return time_point(saturate(when.time_since_epoch()));
}

}  // namespace detail
WEFT_NAMESPACE_END
