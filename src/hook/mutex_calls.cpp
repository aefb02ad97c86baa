// SPDX-License-Identifier: BSL-1.0
// pthread_mutex_lock and its like: the fiber parks until the mutex is free, whoever holds it, on
// whatever thread. Layer: hook. The mutex is the C library's throughout: fibers take it by trylock,
// so threads that know nothing of fibers may share it. std::mutex, std::recursive_mutex and
// std::timed_mutex are such mutexes.
//
// Some facts about glibc's: __owner is the thread's number while one holds it, whatever its kind;
// a trylock of a recursive one asks for the thread only. What this means here: which fiber of a
// thread holds one stands in lock_owners.hpp, and where __owner is another thread, that is stale.
#include "mutex_calls.hpp"

#include "lock_calls.hpp"
#include "lock_owners.hpp"
#include "real.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr wait_type mutex_wait{"pthread mutex", detail::ended_by::threads, &visit_owner};

enum class mutex_kind { plain, recursive, checking };

mutex_kind kind_of(const pthread_mutex_t& m) noexcept {
  switch (m.__data.__kind & 3) {  // the bits above: robust, protocol, shared by processes
    case PTHREAD_MUTEX_RECURSIVE_NP:
      return mutex_kind::recursive;
    case PTHREAD_MUTEX_ERRORCHECK_NP:
      return mutex_kind::checking;
    default:
      return mutex_kind::plain;
  }
}

// Another thread may write it at this moment; it writes this thread's number never.
bool is_of_thread(loop& here, const void* mutex) noexcept {
  const int* const owner = &static_cast<const pthread_mutex_t*>(mutex)->__data.__owner;
  return __atomic_load_n(owner, __ATOMIC_RELAXED) == here.shared->thread;
}

// The fiber of this thread that holds it now; nullptr: another thread, nobody, or this thread since
// before it had fibers.
const detail::fiber* holder_of(loop& here, const pthread_mutex_t& m) noexcept {
  return is_of_thread(here, &m) ? owner_of(&m) : nullptr;
}

// One attempt of the running fiber, without a wait.
int try_as_fiber(loop& here, pthread_mutex_t* m) noexcept {
  const detail::fiber* const self = here.current;
  const bool is_recursive = kind_of(*m) == mutex_kind::recursive;
  if (is_recursive) {
    const detail::fiber* const holder = holder_of(here, *m);
    if (holder != nullptr && holder != self) return EBUSY;
  }
  const int error = real::pthread_mutex_trylock(m);
  if (error != 0 && error != EOWNERDEAD) return error;
  if (WEFT_LIKELY(set_owner(m, *self)) || !is_recursive) return error;
  real::pthread_mutex_unlock(m);  // no memory to keep the others out
  return EAGAIN;
}

// The running fiber wants what it holds: 0 if it may go on to ask for it all the same.
int refuse_relock(const pthread_mutex_t& m, bool is_timed, const void* place) noexcept {
  if (kind_of(m) == mutex_kind::checking) return EDEADLK;
  if (is_timed) return 0;  // it waits until it is too late: POSIX
  const inside now;
  detail::report_relock(held_kind::exclusive, place);
  return EDEADLK;
}

int lock_as_fiber(loop& here, function_id id, pthread_mutex_t* m, const call_deadline& deadline,
                  bool is_timed, const void* place) noexcept {
  let_woken_run(here);
  int error = try_as_fiber(here, m);
  if (WEFT_LIKELY(error != EBUSY)) return error;
  if (holder_of(here, *m) == here.current) {
    error = refuse_relock(*m, is_timed, place);
    if (error != 0) return error;
  }
  const lock_wait how{id, m, mutex_wait, deadline, &is_of_thread};
  return lock_or_wait(here, how, [&] { return try_as_fiber(here, m); });
}

// A wait that blocks the thread is told of its fiber, too.
int noting_owner(pthread_mutex_t* m, int error) noexcept {
  if (error != 0 && error != EOWNERDEAD) return error;
  loop_core* const here = detail::running_loop();
  if (here != nullptr && is_active(tier::locks) && here->current != &here->idle) {
    set_owner(m, *here->current);
  }
  return error;
}

// True if a lock that is not free is to block the thread: not where a fiber of it holds the lock.
bool pins(loop& here, const pthread_mutex_t& m) noexcept {
  return WEFT_UNLIKELY(must_block(here)) && !is_of_thread(here, &m);
}

template <class Real>
WEFT_NOINLINE int lock_by(function_id id, pthread_mutex_t* m, clockid_t clock, const timespec* when,
                          const void* place, const Real& plainly) noexcept {
  loop* const here = lock_loop(id);
  const bool is_timed = when != nullptr;
  return locked(m, held_kind::exclusive, here == nullptr && !is_timed, place, [&] {
    if (here == nullptr || pins(*here, *m)) return noting_owner(m, plainly());
    const call_deadline deadline = is_timed ? call_deadline(*here, clock, when) : call_deadline();
    return lock_as_fiber(*here, id, m, deadline, is_timed, place);
  });
}

WEFT_NOINLINE int try_lock_in_loop(pthread_mutex_t* m, const void* place) noexcept {
  loop* const here = lock_loop(function_id::pthread_mutex_trylock);
  return locked(m, held_kind::exclusive, false, place, [&] {
    return here != nullptr ? try_as_fiber(*here, m)
                           : noting_owner(m, real::pthread_mutex_trylock(m));
  });
}

// Before an unlock. False if it is not the caller's to unlock.
bool may_unlock(loop_core& here, const pthread_mutex_t* m) noexcept {
  unlocked(m);
  if (!is_active(tier::locks) || here.current == &here.idle) return true;
  const mutex_kind kind = kind_of(*m);
  const detail::fiber* const holder =
      kind == mutex_kind::plain ? nullptr : holder_of(detail::whole(here), *m);
  if (holder != nullptr && holder != here.current) return false;
  // A recursive one may be locked still: asked before, as behind the unlock it may be gone.
  if (kind != mutex_kind::recursive || m->__data.__count <= 1) forget_owner(m);
  return true;
}

}  // namespace

int lock_mutex_again(loop& here, pthread_mutex_t* m, const void* place) noexcept {
  return locked(m, held_kind::exclusive, false, place, [&] {
    return lock_as_fiber(here, function_id::pthread_mutex_lock, m, call_deadline(), false, place);
  });
}

WEFT_NOINLINE int unlock_mutex(loop_core& here, pthread_mutex_t* m) noexcept {
  if (!may_unlock(here, m)) return EPERM;
  const int error = real::pthread_mutex_unlock.quietly(m);
  fence_after_change();
  return wake_some(error, m, 1, &here);
}

}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_mutex_lock.quietly(m);
  return lock_by(function_id::pthread_mutex_lock, m, 0, nullptr, WEFT_HOOK_PLACE,
                 [=] { return real::pthread_mutex_lock(m); });
}

WEFT_API int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_mutex_trylock.quietly(m);
  return try_lock_in_loop(m, WEFT_HOOK_PLACE);
}

WEFT_API int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* deadline) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_mutex_timedlock.quietly(m, deadline);
  return lock_by(function_id::pthread_mutex_timedlock, m, CLOCK_REALTIME, deadline, WEFT_HOOK_PLACE,
                 [=] { return real::pthread_mutex_timedlock(m, deadline); });
}

WEFT_API int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock,
                                     const timespec* deadline) noexcept {
  if (WEFT_LIKELY(!has_loop())) return real::pthread_mutex_clocklock.quietly(m, clock, deadline);
  if (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC) return EINVAL;
  return lock_by(function_id::pthread_mutex_clocklock, m, clock, deadline, WEFT_HOOK_PLACE,
                 [=] { return real::pthread_mutex_clocklock(m, clock, deadline); });
}

WEFT_API int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
  loop_core* const here = weft::detail::running_loop();
  if (WEFT_UNLIKELY(here != nullptr)) return unlock_mutex(*here, m);
  const int error = real::pthread_mutex_unlock.quietly(m);
  fence_after_change();
  return wake_some(error, m, 1, nullptr);
}

}  // extern "C"
