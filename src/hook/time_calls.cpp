// SPDX-License-Identifier: BSL-1.0
// sleep and its like: the fiber parks by the loop's clock, which a test may have replaced.
// Layer: hook.
#include <threads.h>

#include <algorithm>

#include "real.hpp"
#include "waiting.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

// A sleep until a moment of the wall clock looks at it so often: it may be set meanwhile.
constexpr duration time_per_look = std::chrono::seconds(1);

timespec as_timespec(duration span) noexcept {
  const auto all = std::chrono::duration_cast<std::chrono::nanoseconds>(span).count();
  timespec result{};
  result.tv_sec = static_cast<time_t>(all / 1'000'000'000);
  result.tv_nsec = static_cast<long>(all % 1'000'000'000);
  return result;
}

loop* loop_for_sleep(function_id id) noexcept {
  loop* const here = fiber_loop(tier::net, id);
  return here != nullptr && !must_block(*here) ? here : nullptr;
}

// 0 or -errno; `left` is what was not slept.
int sleep_for(loop& here, function_id id, duration span, duration& left) noexcept {
  const time_point deadline = detail::saturating_add(here.time->now(), span);
  count(tally_of(id).waits);
  const int end = detail::sleep_hooked(here, deadline);
  left = detail::saturating_gap(here.time->now(), deadline);
  return end;
}

int sleep_until_wall_time(loop& here, clockid_t clock, const timespec& until) noexcept {
  for (;;) {
    timespec now{};
    clock_gettime(clock, &now);
    if (now.tv_sec > until.tv_sec || (now.tv_sec == until.tv_sec && now.tv_nsec >= until.tv_nsec)) {
      return 0;
    }
    const duration left = until.tv_sec - now.tv_sec > 3600
                              ? duration(time_per_look)
                              : span_of(until.tv_sec - now.tv_sec, until.tv_nsec - now.tv_nsec);
    const int end = detail::sleep_hooked(
        here, detail::saturating_add(here.time->now(), std::min<duration>(left, time_per_look)));
    if (end < 0) return end;
  }
}

// As clock_nanosleep: 0 or an error.
int sleep_by_clock(loop& here, clockid_t clock, int flags, const timespec& span, timespec* left) {
  constexpr auto id = function_id::clock_nanosleep;
  if ((flags & TIMER_ABSTIME) != 0) {
    count(tally_of(id).waits);
    if (clock != CLOCK_MONOTONIC) return -sleep_until_wall_time(here, clock, span);
    const duration since(span_of(span.tv_sec, span.tv_nsec));
    return -detail::sleep_hooked(here, time_point(since));
  }
  duration unslept{};
  const int end = sleep_for(here, id, span_of(span.tv_sec, span.tv_nsec), unslept);
  if (end < 0 && left != nullptr) *left = as_timespec(unslept);
  return -end;
}

bool has_clock(clockid_t clock) noexcept {
  return clock == CLOCK_MONOTONIC || clock == CLOCK_REALTIME || clock == CLOCK_BOOTTIME ||
         clock == CLOCK_TAI;
}

int nanosleep_as_fiber(loop& here, function_id id, const timespec& span, timespec* left) {
  duration unslept{};
  const int end = sleep_for(here, id, span_of(span.tv_sec, span.tv_nsec), unslept);
  if (end < 0 && left != nullptr) *left = as_timespec(unslept);
  return ended<int>(end);
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API unsigned sleep(unsigned seconds) {
  loop* const here = loop_for_sleep(function_id::sleep);
  if (here == nullptr) return real::sleep(seconds);
  weft::duration left{};
  const int end = sleep_for(*here, function_id::sleep, std::chrono::seconds(seconds), left);
  if (end == 0) return 0;
  errno = -end;
  // glibc rounds up what is left.
  return static_cast<unsigned>((left + std::chrono::seconds(1) - weft::duration(1)) /
                               std::chrono::seconds(1));
}

WEFT_API int usleep(useconds_t span) {
  loop* const here = loop_for_sleep(function_id::usleep);
  if (here == nullptr) return real::usleep(span);
  weft::duration left{};
  return ended<int>(sleep_for(*here, function_id::usleep, std::chrono::microseconds(span), left));
}

WEFT_API int nanosleep(const timespec* span, timespec* left) {
  loop* const here = loop_for_sleep(function_id::nanosleep);
  if (here == nullptr || span == nullptr || !is_valid(*span)) return real::nanosleep(span, left);
  return nanosleep_as_fiber(*here, function_id::nanosleep, *span, left);
}

WEFT_API int clock_nanosleep(clockid_t clock, int flags, const timespec* span, timespec* left) {
  loop* const here = loop_for_sleep(function_id::clock_nanosleep);
  if (here == nullptr || span == nullptr || !is_valid(*span) || !has_clock(clock)) {
    return real::clock_nanosleep(clock, flags, span, left);
  }
  return sleep_by_clock(*here, clock, flags, *span, left);
}

// 0, -1 after a signal, below that for other errors. Source: C11 7.26.5.7, glibc.
WEFT_API int thrd_sleep(const timespec* span, timespec* left) {
  loop* const here = loop_for_sleep(function_id::thrd_sleep);
  if (here == nullptr || span == nullptr || !is_valid(*span)) return real::thrd_sleep(span, left);
  if (nanosleep_as_fiber(*here, function_id::thrd_sleep, *span, left) == 0) return 0;
  return errno == EINTR ? -1 : -2;
}

WEFT_API int sched_yield() noexcept {
  loop* const here = fiber_loop(tier::net, function_id::sched_yield);
  if (here == nullptr || must_block(*here)) return real::sched_yield();
  weft::detail::yield_uncancelled(*here);
  return 0;
}

WEFT_API int pause() {
  loop* const here = loop_for_sleep(function_id::pause);
  if (here == nullptr) return real::pause();
  count(tally_of(function_id::pause).waits);
  return ended<int>(weft::detail::sleep_hooked(*here, weft::time_point::max()));
}

}  // extern "C"
