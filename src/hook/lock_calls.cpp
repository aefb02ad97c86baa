// SPDX-License-Identifier: BSL-1.0
// See lock_calls.hpp.
#include "lock_calls.hpp"

#include "lock_owners.hpp"
#include "waiting.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

__thread bool is_inside_watch __attribute__((tls_model("initial-exec"))) = false;

call_deadline::call_deadline(loop& here, clockid_t clock, const timespec* when) noexcept
    : is_valid_(when->tv_nsec >= 0 && when->tv_nsec < 1'000'000'000),
      is_endless_(false),
      clock_(clock),
      when_(*when) {
  by_loop_ = detail::saturating_add(here.time->now(), left_by_clock());
}

call_deadline call_deadline::in(loop& here, const timespec* span) noexcept {
  timespec when{};
  clock_gettime(CLOCK_MONOTONIC, &when);
  if (!hook::is_valid(*span)) {
    when.tv_nsec = -1;
  } else if (span->tv_sec > std::numeric_limits<time_t>::max() / 2) {
    return {};
  } else {
    when.tv_sec += span->tv_sec;
    when.tv_nsec += span->tv_nsec;
    if (when.tv_nsec >= 1'000'000'000) {
      ++when.tv_sec;
      when.tv_nsec -= 1'000'000'000;
    }
  }
  return call_deadline(here, CLOCK_MONOTONIC, &when);
}

duration call_deadline::left_by_clock() const noexcept {
  timespec now{};
  if (when_.tv_sec < 0 || clock_gettime(clock_, &now) != 0) return {};
  const long seconds = when_.tv_sec - now.tv_sec;
  if (seconds < 0) return {};
  return std::max<duration>(span_of(seconds, when_.tv_nsec - now.tv_nsec), duration::zero());
}

time_point call_deadline::moment(loop& here) const noexcept {
  if (is_endless_) return time_point::max();
  if (!here.time->is_wall_time()) return by_loop_;
  return detail::saturating_add(here.time->now(), left_by_clock());
}

time_point call_deadline::next_look(loop& here) const noexcept {
  const time_point at = moment(here);
  if (is_endless_ || clock_ == CLOCK_MONOTONIC || !here.time->is_wall_time()) return at;
  return std::min(at, detail::saturating_add(here.time->now(), std::chrono::seconds(1)));
}

bool call_deadline::has_passed(loop& here) const noexcept {
  if (is_endless_) return false;
  if (!here.time->is_wall_time()) return here.time->now() >= by_loop_;
  return left_by_clock() <= duration::zero();
}

void visit_owner(const void* on, detail::awaited_visitor& to) {
  if (const detail::fiber* const holder = owner_of(awaited_object(on))) to.visit(*holder);
}

}  // namespace hook
WEFT_NAMESPACE_END
