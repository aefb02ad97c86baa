// SPDX-License-Identifier: BSL-1.0
// sem_wait and its like. Layer: hook. sem_post may be called by signal handlers, so what it wakes
// on this thread's loop is told by message, and it never waits for a queue that it interrupted.
#include "lock_calls.hpp"
#include "real.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr wait_type semaphore_wait{"semaphore of the C library", detail::ended_by::threads, nullptr,
                                   true};

// EBUSY where lock_or_wait() is to wait.
int try_semaphore(sem_t* s) noexcept {
  if (sem_trywait(s) == 0) return 0;
  return errno == EAGAIN ? EBUSY : errno;
}

int take_semaphore(loop& here, function_id id, sem_t* s, const call_deadline& deadline) noexcept {
  const int before = errno;
  let_woken_run(here);
  int error = try_semaphore(s);
  if (error == EBUSY) {
    const lock_wait how{id, s, semaphore_wait, deadline};
    error = lock_or_wait(here, how, [s] { return try_semaphore(s); });
  }
  errno = error != 0 ? error : before;
  return error != 0 ? -1 : 0;
}

loop* semaphore_loop(function_id id) noexcept {
  loop* const here = lock_loop(id);
  return here != nullptr && !must_block(*here) ? here : nullptr;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int sem_wait(sem_t* s) {
  if (WEFT_LIKELY(!has_loop())) return real::sem_wait(s);
  loop* const here = semaphore_loop(function_id::sem_wait);
  if (here == nullptr) return real::sem_wait(s);
  return take_semaphore(*here, function_id::sem_wait, s, call_deadline());
}

WEFT_API int sem_timedwait(sem_t* s, const timespec* deadline) {
  if (WEFT_LIKELY(!has_loop())) return real::sem_timedwait(s, deadline);
  loop* const here = semaphore_loop(function_id::sem_timedwait);
  if (here == nullptr) return real::sem_timedwait(s, deadline);
  const call_deadline until(*here, CLOCK_REALTIME, deadline);
  return take_semaphore(*here, function_id::sem_timedwait, s, until);
}

WEFT_API int sem_clockwait(sem_t* s, clockid_t clock, const timespec* deadline) {
  if (WEFT_LIKELY(!has_loop())) return real::sem_clockwait(s, clock, deadline);
  loop* const here = semaphore_loop(function_id::sem_clockwait);
  if (here == nullptr || (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC)) {
    return real::sem_clockwait(s, clock, deadline);
  }
  const call_deadline until(*here, clock, deadline);
  return take_semaphore(*here, function_id::sem_clockwait, s, until);
}

WEFT_API int sem_post(sem_t* s) noexcept {
  const int result = real::sem_post.quietly(s);
  fence_after_change();
  return wake_some(result, s, 1, nullptr);
}

}  // extern "C"
