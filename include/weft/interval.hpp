// SPDX-License-Identifier: BSL-1.0
// Something every so often, without drift. Layer: task.
#pragma once

#include <chrono>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// What follows when a tick comes so late that others were missed.
enum class missed_tick {
  burst,  // they follow at once, one after another, until the old rhythm is caught up with
  delay,  // the next comes a whole period after the late one: a new rhythm
  skip,   // they are left out; the next comes at the next point of the old rhythm
};

// Ticks a period apart, the first one period from now.
class WEFT_API interval {
 public:
  // Throws: std::logic_error for a period of zero or less.
  explicit interval(duration period, missed_tick policy = missed_tick::burst);
  template <class Rep, class Period>
  explicit interval(std::chrono::duration<Rep, Period> period,
                    missed_tick policy = missed_tick::burst)
      : interval(detail::saturate(period), policy) {}

  // Waits for the next tick and tells when it was due. One that is due already comes at once.
  // Parks: may.  Calls from: fiber; any other thread sleeps as a whole.  Throws: cancelled.
  time_point tick();

  // Begins anew: the next tick comes a period from now.
  void reset();

  duration period() const noexcept { return period_; }

 private:
  duration period_;
  missed_tick policy_;
  time_point next_;
};

WEFT_NAMESPACE_END
