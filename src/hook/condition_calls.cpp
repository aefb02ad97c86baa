// SPDX-License-Identifier: BSL-1.0
// pthread_cond_wait and its like; std::condition_variable and, through it, _any. Layer: hook.
// Fibers wait in the address queue, threads in the C library's own; who signals wakes one of each,
// as wake-ups without a reason are legal.
//
// A signal finds every fiber that it must find: the fiber registers while it holds the mutex. Who
// signals has held the mutex since the fiber gave it up, to change what is waited for; so the
// registration happens before that, and the count that the signaller reads is not an older one.
// A signal by somebody who has not held the mutex may be lost, as in the C library.
#include "lock_calls.hpp"
#include "mutex_calls.hpp"
#include "real.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr wait_type condition_wait{"pthread condition variable", detail::ended_by::threads};

// Bits of __wrefs. Source: glibc's nptl/pthread_cond_common.c, unchanged since 2.25.
constexpr unsigned condition_is_shared = 1;
constexpr unsigned condition_is_monotonic = 2;

unsigned condition_bits(const pthread_cond_t& c) noexcept {
  return __atomic_load_n(&c.__data.__wrefs, __ATOMIC_RELAXED);
}

// 0, ETIMEDOUT, or what unlocking the mutex refuses with.
int wait_for_condition(loop& here, function_id id, pthread_cond_t* c, pthread_mutex_t* m,
                       const call_deadline& deadline, const void* place) noexcept {
  if (!deadline.is_valid()) return EINVAL;
  // Nobody here sees other processes' signals: it wakes without a reason, and the caller looks.
  const bool may_miss = (condition_bits(*c) & condition_is_shared) != 0;
  pauses again;
  address_wait own(here, c);
  if (const int refused = unlock_mutex(here, m)) {
    own.leave(condition_wait);
    return refused;
  }
  count(tally_of(id).waits);
  int result = 0;
  // Not looked at in between: a wait that ended to begin again could miss a signal.
  time_point look_at = deadline.moment(here);
  if (may_miss) look_at = std::min(look_at, again.next(here));
  if (own.wait(condition_wait, look_at) != wait_end::woken && deadline.has_passed(here)) {
    result = ETIMEDOUT;
  }
  const int error = lock_mutex_again(here, m, place);
  return error != 0 ? error : result;
}

// The loop whose fiber waits here. Its thread blocks instead where a lock besides the one that it
// gives up must not be held over a park.
loop* condition_loop(function_id id, const pthread_mutex_t* m) noexcept {
  loop* const here = lock_loop(id);
  return here != nullptr && !must_block(*here, m) ? here : nullptr;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int pthread_cond_wait(pthread_cond_t* c, pthread_mutex_t* m) {
  constexpr auto id = function_id::pthread_cond_wait;
  loop* const here = condition_loop(id, m);
  if (here == nullptr) return real::pthread_cond_wait(c, m);
  return wait_for_condition(*here, id, c, m, call_deadline(), WEFT_HOOK_PLACE);
}

WEFT_API int pthread_cond_timedwait(pthread_cond_t* c, pthread_mutex_t* m,
                                    const timespec* deadline) {
  constexpr auto id = function_id::pthread_cond_timedwait;
  loop* const here = condition_loop(id, m);
  if (here == nullptr) return real::pthread_cond_timedwait(c, m, deadline);
  const bool is_monotonic = (condition_bits(*c) & condition_is_monotonic) != 0;
  const call_deadline until(*here, is_monotonic ? CLOCK_MONOTONIC : CLOCK_REALTIME, deadline);
  return wait_for_condition(*here, id, c, m, until, WEFT_HOOK_PLACE);
}

WEFT_API int pthread_cond_clockwait(pthread_cond_t* c, pthread_mutex_t* m, clockid_t clock,
                                    const timespec* deadline) {
  constexpr auto id = function_id::pthread_cond_clockwait;
  loop* const here = condition_loop(id, m);
  if (here == nullptr) return real::pthread_cond_clockwait(c, m, clock, deadline);
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) return EINVAL;
  const call_deadline until(*here, clock, deadline);
  return wait_for_condition(*here, id, c, m, until, WEFT_HOOK_PLACE);
}

// The C library's first: behind the wake of the last fiber, the object may be gone.
WEFT_API int pthread_cond_signal(pthread_cond_t* c) noexcept {
  const int error = real::pthread_cond_signal.quietly(c);
  return wake_some(error, c, 1, weft::detail::running_loop());
}

WEFT_API int pthread_cond_broadcast(pthread_cond_t* c) noexcept {
  const int error = real::pthread_cond_broadcast.quietly(c);
  return wake_some(error, c, all_waiters, weft::detail::running_loop());
}

}  // extern "C"
