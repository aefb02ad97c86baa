// SPDX-License-Identifier: BSL-1.0
// See interval.hpp.
#include "weft/interval.hpp"

#include <string>

#include "weft/detail/check.hpp"
#include "weft/this_fiber.hpp"

WEFT_NAMESPACE_BEGIN

interval::interval(duration period, missed_tick policy)
    : period_(period), policy_(policy), next_(detail::saturating_add(now(), period)) {
  if (period <= duration::zero()) {
    detail::misuse("an interval was made with a period of " + std::to_string(period.count()) +
                   " ns: it must be longer than zero");
  }
}

time_point interval::tick() {
  const time_point due = next_;
  if (now() < due) {
    await_sleep_until(due);
  } else {
    checkpoint();
  }
  const time_point present = now();
  switch (policy_) {
    case missed_tick::burst:
      next_ = detail::saturating_add(due, period_);
      break;
    case missed_tick::delay:
      next_ = detail::saturating_add(present, period_);
      break;
    case missed_tick::skip: {
      const auto passed = (present - due) / period_;
      next_ = detail::saturating_add(due + passed * period_, period_);
      break;
    }
  }
  return due;
}

void interval::reset() { next_ = detail::saturating_add(now(), period_); }

WEFT_NAMESPACE_END
