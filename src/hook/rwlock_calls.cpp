// SPDX-License-Identifier: BSL-1.0
// pthread_rwlock_rdlock and its like; std::shared_mutex is one. Layer: hook. As mutex_calls.cpp:
// fibers take it by the C library's own try functions. Who holds it to write is known by fiber;
// readers are a number, to the C library and here.
#include "lock_calls.hpp"
#include "lock_owners.hpp"
#include "real.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr wait_type rwlock_wait{"pthread rwlock", detail::ended_by::threads, &visit_owner};

// One way to take it.
struct rwlock_way {
  held_kind how;
  function_id id;
};

// Who reads it the C library does not say; that may be another thread.
bool is_written_here(loop& here, const void* lock) noexcept {
  const int* const writer = &static_cast<const pthread_rwlock_t*>(lock)->__data.__cur_writer;
  return __atomic_load_n(writer, __ATOMIC_RELAXED) == here.shared->thread;
}

int try_rwlock(loop& here, held_kind how, pthread_rwlock_t* l) noexcept {
  if (how == held_kind::shared) return real::pthread_rwlock_tryrdlock(l);
  const int error = real::pthread_rwlock_trywrlock(l);
  if (error == 0) set_owner(l, *here.current);
  return error;
}

int take_rwlock(loop& here, const rwlock_way& way, pthread_rwlock_t* l,
                const call_deadline& deadline) noexcept {
  let_woken_run(here);
  const int error = try_rwlock(here, way.how, l);
  if (WEFT_LIKELY(error != EBUSY)) return error;
  if (is_written_here(here, l) && owner_of(l) == here.current) return EDEADLK;
  const lock_wait how{way.id, l, rwlock_wait, deadline, &is_written_here};
  return lock_or_wait(here, how, [&] { return try_rwlock(here, way.how, l); });
}

template <class Real>
WEFT_NOINLINE int rwlock_by(const rwlock_way& way, pthread_rwlock_t* l, clockid_t clock,
                            const timespec* when, const void* place, const Real& plainly) noexcept {
  loop* const here = lock_loop(way.id);
  return locked(l, way.how, here == nullptr && when == nullptr, place, [&] {
    if (here == nullptr || (WEFT_UNLIKELY(must_block(*here)) && !is_written_here(*here, l))) {
      return plainly();
    }
    return take_rwlock(*here, way, l,
                       when != nullptr ? call_deadline(*here, clock, when) : call_deadline());
  });
}

template <class Real>
WEFT_NOINLINE int try_rwlock_by(const rwlock_way& way, pthread_rwlock_t* l, const void* place,
                                const Real& plainly) noexcept {
  loop* const here = lock_loop(way.id);
  return locked(l, way.how, false, place,
                [&] { return here != nullptr ? try_rwlock(*here, way.how, l) : plainly(); });
}

constexpr rwlock_way reading(function_id id) noexcept { return {held_kind::shared, id}; }
constexpr rwlock_way writing(function_id id) noexcept { return {held_kind::exclusive, id}; }

WEFT_NOINLINE void note_rwlock_unlock(const pthread_rwlock_t* l) noexcept {
  unlocked(l);
  if (is_active(tier::locks)) forget_owner(l);
}

bool is_lock_clock(clockid_t clock) noexcept {
  return clock == CLOCK_REALTIME || clock == CLOCK_MONOTONIC;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_rdlock.quietly(l);
  return rwlock_by(reading(function_id::pthread_rwlock_rdlock), l, 0, nullptr, WEFT_HOOK_PLACE,
                   [=] { return real::pthread_rwlock_rdlock(l); });
}

WEFT_API int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_wrlock.quietly(l);
  return rwlock_by(writing(function_id::pthread_rwlock_wrlock), l, 0, nullptr, WEFT_HOOK_PLACE,
                   [=] { return real::pthread_rwlock_wrlock(l); });
}

WEFT_API int pthread_rwlock_tryrdlock(pthread_rwlock_t* l) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_tryrdlock.quietly(l);
  return try_rwlock_by(reading(function_id::pthread_rwlock_tryrdlock), l, WEFT_HOOK_PLACE,
                       [=] { return real::pthread_rwlock_tryrdlock(l); });
}

WEFT_API int pthread_rwlock_trywrlock(pthread_rwlock_t* l) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_trywrlock.quietly(l);
  return try_rwlock_by(writing(function_id::pthread_rwlock_trywrlock), l, WEFT_HOOK_PLACE,
                       [=] { return real::pthread_rwlock_trywrlock(l); });
}

WEFT_API int pthread_rwlock_timedrdlock(pthread_rwlock_t* l, const timespec* deadline) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_timedrdlock.quietly(l, deadline);
  return rwlock_by(reading(function_id::pthread_rwlock_timedrdlock), l, CLOCK_REALTIME, deadline,
                   WEFT_HOOK_PLACE, [=] { return real::pthread_rwlock_timedrdlock(l, deadline); });
}

WEFT_API int pthread_rwlock_timedwrlock(pthread_rwlock_t* l, const timespec* deadline) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_timedwrlock.quietly(l, deadline);
  return rwlock_by(writing(function_id::pthread_rwlock_timedwrlock), l, CLOCK_REALTIME, deadline,
                   WEFT_HOOK_PLACE, [=] { return real::pthread_rwlock_timedwrlock(l, deadline); });
}

WEFT_API int pthread_rwlock_clockrdlock(pthread_rwlock_t* l, clockid_t clock,
                                        const timespec* deadline) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_clockrdlock.quietly(l, clock, deadline);
  if (!is_lock_clock(clock)) return EINVAL;
  return rwlock_by(reading(function_id::pthread_rwlock_clockrdlock), l, clock, deadline,
                   WEFT_HOOK_PLACE,
                   [=] { return real::pthread_rwlock_clockrdlock(l, clock, deadline); });
}

WEFT_API int pthread_rwlock_clockwrlock(pthread_rwlock_t* l, clockid_t clock,
                                        const timespec* deadline) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_rwlock_clockwrlock.quietly(l, clock, deadline);
  if (!is_lock_clock(clock)) return EINVAL;
  return rwlock_by(writing(function_id::pthread_rwlock_clockwrlock), l, clock, deadline,
                   WEFT_HOOK_PLACE,
                   [=] { return real::pthread_rwlock_clockwrlock(l, clock, deadline); });
}

WEFT_API int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
  loop_core* const here = weft::detail::running_loop();
  if (WEFT_UNLIKELY(here != nullptr)) note_rwlock_unlock(l);
  const int error = real::pthread_rwlock_unlock.quietly(l);
  fence_after_change();
  // All: readers may enter together, and of writers the fastest.
  return wake_some(error, l, all_waiters, here);
}

}  // extern "C"
