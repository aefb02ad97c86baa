// SPDX-License-Identifier: BSL-1.0
// Stands before pthread's locks and the guards of static initialisers, and tells
// loop/held_locks.hpp of those that fibers hold. Layer: hook, in libweft-hook. Without
// WEFT_DEBUG=1, and outside fibers, it only passes on. std::mutex and std::shared_mutex are
// pthread's; a condition variable gives its mutex up inside the C library, but then it blocks the
// thread, so no other fiber runs.
#include <cxxabi.h>
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <time.h>

#include <atomic>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "../loop/held_locks.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/report.hpp"

namespace {

using weft::detail::held_kind;

// Set while this file's own code runs: what that locks is not told of, nor what runs before the
// process is complete. Initial-exec: the first access of another model allocates, which may lock.
[[gnu::tls_model("initial-exec")]] thread_local bool is_inside = false;

class inside {
 public:
  inside() noexcept { is_inside = true; }
  inside(const inside&) = delete;
  inside& operator=(const inside&) = delete;
  ~inside() { is_inside = false; }
};

// What the next library calls so. Found at the first call, from whichever thread: all find the
// same.
template <class>
class next;
template <class R, class... A>
class next<R(A...)> {
 public:
  constexpr explicit next(const char* name) noexcept : name_(name) {}
  R operator()(A... arguments) {
    R (*found)(A...) = known_.load(std::memory_order_relaxed);
    if (WEFT_UNLIKELY(found == nullptr)) found = find();
    return found(arguments...);
  }

 private:
  R (*find() noexcept)(A...) {
    void* const symbol = dlsym(RTLD_NEXT, name_);
    if (symbol == nullptr) {
      weft::detail::send_report(
          "weft: libweft-hook stands before a function that no other library has; is the C++ "
          "library linked statically? It is:");
      weft::detail::send_report(name_);
      std::abort();
    }
    R (*found)(A...) = nullptr;
    static_assert(sizeof found == sizeof symbol);
    std::memcpy(&found, &symbol, sizeof found);
    known_.store(found, std::memory_order_relaxed);
    return found;
  }

  const char* const name_;
  std::atomic<R (*)(A...)> known_{nullptr};
};

next<int(pthread_mutex_t*)> next_lock("pthread_mutex_lock");
next<int(pthread_mutex_t*)> next_trylock("pthread_mutex_trylock");
next<int(pthread_mutex_t*, const timespec*)> next_timedlock("pthread_mutex_timedlock");
next<int(pthread_mutex_t*, clockid_t, const timespec*)> next_clocklock("pthread_mutex_clocklock");
next<int(pthread_mutex_t*)> next_unlock("pthread_mutex_unlock");
next<int(pthread_rwlock_t*)> next_wrlock("pthread_rwlock_wrlock");
next<int(pthread_rwlock_t*)> next_trywrlock("pthread_rwlock_trywrlock");
next<int(pthread_rwlock_t*)> next_rdlock("pthread_rwlock_rdlock");
next<int(pthread_rwlock_t*)> next_tryrdlock("pthread_rwlock_tryrdlock");
next<int(pthread_rwlock_t*)> next_rwlock_unlock("pthread_rwlock_unlock");
next<int(abi::__guard*)> next_guard_acquire("__cxa_guard_acquire");
next<void(abi::__guard*)> next_guard_release("__cxa_guard_release");
next<void(abi::__guard*)> next_guard_abort("__cxa_guard_abort");

bool is_to_be_watched() noexcept {
  if (WEFT_LIKELY(is_inside)) return false;
  const inside now;
  return weft::detail::watches_locks();
}

// `call()` locks: 0 or an error.
template <class F>
int locked(const void* lock, held_kind how, bool may_block, const void* place, F&& call) noexcept {
  if (WEFT_LIKELY(!is_to_be_watched())) return call();
  if (may_block) {
    const inside now;
    if (weft::detail::is_held_for_good(lock, how, place)) return EDEADLK;
  }
  const int error = call();
  if (error == 0 || error == EOWNERDEAD) {
    const inside now;
    weft::detail::note_locked(lock, how, place);
  }
  return error;
}

void unlocked(const void* lock) noexcept {
  if (WEFT_LIKELY(!is_to_be_watched())) return;
  const inside now;
  weft::detail::note_unlocked(lock);
}

}  // namespace

#define HERE __builtin_return_address(0)

extern "C" {

WEFT_API int pthread_mutex_lock(pthread_mutex_t* m) noexcept {
  return locked(m, held_kind::exclusive, true, HERE, [&] { return next_lock(m); });
}
WEFT_API int pthread_mutex_trylock(pthread_mutex_t* m) noexcept {
  return locked(m, held_kind::exclusive, false, HERE, [&] { return next_trylock(m); });
}
WEFT_API int pthread_mutex_timedlock(pthread_mutex_t* m, const timespec* deadline) noexcept {
  return locked(m, held_kind::exclusive, false, HERE, [&] { return next_timedlock(m, deadline); });
}
WEFT_API int pthread_mutex_clocklock(pthread_mutex_t* m, clockid_t clock,
                                     const timespec* deadline) noexcept {
  return locked(m, held_kind::exclusive, false, HERE,
                [&] { return next_clocklock(m, clock, deadline); });
}
WEFT_API int pthread_mutex_unlock(pthread_mutex_t* m) noexcept {
  unlocked(m);
  return next_unlock(m);
}

WEFT_API int pthread_rwlock_wrlock(pthread_rwlock_t* l) noexcept {
  return locked(l, held_kind::exclusive, true, HERE, [&] { return next_wrlock(l); });
}
WEFT_API int pthread_rwlock_trywrlock(pthread_rwlock_t* l) noexcept {
  return locked(l, held_kind::exclusive, false, HERE, [&] { return next_trywrlock(l); });
}
WEFT_API int pthread_rwlock_rdlock(pthread_rwlock_t* l) noexcept {
  return locked(l, held_kind::shared, true, HERE, [&] { return next_rdlock(l); });
}
WEFT_API int pthread_rwlock_tryrdlock(pthread_rwlock_t* l) noexcept {
  return locked(l, held_kind::shared, false, HERE, [&] { return next_tryrdlock(l); });
}
WEFT_API int pthread_rwlock_unlock(pthread_rwlock_t* l) noexcept {
  unlocked(l);
  return next_rwlock_unlock(l);
}

// The compiler calls these around the initialiser of a local static. 1: initialise it.
WEFT_API int __cxa_guard_acquire(abi::__guard* guard);
WEFT_API void __cxa_guard_release(abi::__guard* guard) noexcept;
WEFT_API void __cxa_guard_abort(abi::__guard* guard) noexcept;

int __cxa_guard_acquire(abi::__guard* guard) {
  if (WEFT_LIKELY(!is_to_be_watched())) return next_guard_acquire(guard);
  {
    const inside now;
    weft::detail::is_held_for_good(guard, held_kind::initialiser, HERE);
  }
  const int is_ours = next_guard_acquire(guard);  // throws if it was
  if (is_ours == 1) {
    const inside now;
    weft::detail::note_locked(guard, held_kind::initialiser, HERE);
  }
  return is_ours;
}
void __cxa_guard_release(abi::__guard* guard) noexcept {
  unlocked(guard);
  next_guard_release(guard);
}
void __cxa_guard_abort(abi::__guard* guard) noexcept {
  unlocked(guard);
  next_guard_abort(guard);
}

}  // extern "C"
