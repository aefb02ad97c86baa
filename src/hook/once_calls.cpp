// SPDX-License-Identifier: BSL-1.0
// pthread_once, and what a compiler calls around the initialiser of a local static: who comes while
// a fiber is at it waits as a fiber. Layer: hook. The C and the C++ library still do the work and
// keep the state, so threads that know nothing of fibers may come, too.
#include <mutex>

#include "lock_calls.hpp"
#include "once_table.hpp"
#include "real.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

void visit_doer_elsewhere(const void* on, detail::awaited_visitor& to) {
  const detail::fiber* const doer = doer_of_once(awaited_object(on));
  if (doer != nullptr && doer->home == detail::running_loop()) to.visit(*doer);
}
constexpr wait_type once_wait{"initialisation by another", detail::ended_by::threads,
                              &visit_doer_elsewhere};

// Waits until the fiber that is at it is done, or a thread may be.
void wait_for_doer(loop& here, function_id id, const void* what, pauses& again) noexcept {
  count(tally_of(id).waits);
  const bool is_by_fiber = is_once_begun(what);
  address_wait own(here, what);
  if (is_by_fiber != is_once_begun(what)) {  // it has changed before we were registered
    own.leave(once_wait);
    return;
  }
  own.wait(once_wait, is_by_fiber ? time_point::max() : again.next(here));
}

// True: the caller is at it from here on. False: the C library is to be called as it is, and says
// at once what there is to say. `is_done` and `is_at_work` tell how it stands there: the latter if
// somebody has begun and not ended.
template <class Done, class Work>
bool become_doer(loop& here, function_id id, const void* what, Done&& is_done,
                 Work&& is_at_work) noexcept {
  pauses again;
  while (!is_done()) {
    switch (begin_once(what, *here.current)) {
      case once_turn::ours:
        if (!is_at_work()) return true;
        end_once(what);  // a thread is at it: we look again from time to time
        [[fallthrough]];
      case once_turn::others:
        wait_for_doer(here, id, what, again);
        break;
      case once_turn::own:
      case once_turn::no_room:
        return false;
    }
  }
  return false;
}

// Ends the turn however the initialiser ends.
class doing_once {
 public:
  explicit doing_once(const void* what) noexcept : what_(what) {}
  ~doing_once() { end_once(what_); }
  doing_once(const doing_once&) = delete;
  doing_once& operator=(const doing_once&) = delete;

 private:
  const void* const what_;
};

constexpr int once_done = 2;  // a bit of pthread_once_t; source: glibc's nptl/pthreadP.h

// std::call_once hands its callable to pthread_once in variables of the thread, which another fiber
// may use for its own while this one waits.
class kept_callable {
 public:
  void put_back() const noexcept {
#if defined(__GLIBCXX__)
    std::__once_callable = callable_;
    std::__once_call = call_;
#endif
  }

 private:
#if defined(__GLIBCXX__)
  void* callable_ = std::__once_callable;
  void (*call_)() = std::__once_call;
#endif
};

// Bits of a guard. Source: Itanium C++ ABI 3.3.3 for the first byte; libstdc++'s and libc++'s
// guard code for the second, which says that somebody is at it.
struct guard_bytes {
  std::uint8_t is_done;
  std::uint8_t is_pending;
};

std::uint8_t acquire(const std::uint8_t& byte) noexcept {
  return __atomic_load_n(&byte, __ATOMIC_ACQUIRE);  // pairs with the release in the C++ library
}

const guard_bytes& bytes_of_guard(const abi::__guard* guard) noexcept {
  return *reinterpret_cast<const guard_bytes*>(guard);
}

int acquire_guard(abi::__guard* guard) {
  loop* const here = lock_loop(function_id::__cxa_guard_acquire);
  if (here == nullptr || must_block(*here)) return real::__cxa_guard_acquire(guard);
  const guard_bytes& bytes = bytes_of_guard(guard);
  const bool is_ours = become_doer(
      *here, function_id::__cxa_guard_acquire, guard, [&] { return acquire(bytes.is_done) != 0; },
      [&] { return acquire(bytes.is_pending) != 0; });
  const int is_first = real::__cxa_guard_acquire(guard);  // throws where a fiber meets itself
  if (is_ours && is_first == 0) end_once(guard);
  return is_first;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int pthread_once(pthread_once_t* once, void (*f)()) {
  loop* const here = has_loop() ? lock_loop(function_id::pthread_once) : nullptr;
  if (WEFT_LIKELY(here == nullptr) || must_block(*here)) return real::pthread_once(once, f);
  const kept_callable callable;
  const auto state = [once] { return __atomic_load_n(once, __ATOMIC_ACQUIRE); };
  const bool is_ours = become_doer(
      *here, function_id::pthread_once, once, [&] { return (state() & once_done) != 0; },
      [&] { return state() == once_in_progress(); });
  callable.put_back();
  if (!is_ours) return real::pthread_once(once, f);
  const doing_once now(once);
  return real::pthread_once(once, f);  // f may throw
}

// The compiler calls these around the initialiser of a local static. 1: initialise it.
// By other names: g++ declares them by itself, as it likes them, once a static variable of any
// header has needed one, and takes no other declaration after that.
WEFT_API int weft_guard_acquire(abi::__guard* guard) asm("__cxa_guard_acquire");
WEFT_API void weft_guard_release(abi::__guard* guard) noexcept asm("__cxa_guard_release");
WEFT_API void weft_guard_abort(abi::__guard* guard) noexcept asm("__cxa_guard_abort");

int weft_guard_acquire(abi::__guard* guard) {
  if (WEFT_LIKELY(!has_loop())) return real::__cxa_guard_acquire(guard);
  const bool is_watched = is_to_be_watched();
  if (is_watched && !is_active(tier::locks)) {
    const inside now;
    weft::detail::is_held_for_good(guard, held_kind::initialiser, WEFT_HOOK_PLACE);
  }
  const int is_ours = acquire_guard(guard);
  if (is_watched && is_ours == 1) {
    const inside now;
    weft::detail::note_locked(guard, held_kind::initialiser, WEFT_HOOK_PLACE);
  }
  return is_ours;
}

void weft_guard_release(abi::__guard* guard) noexcept {
  if (has_loop()) unlocked(guard);
  real::__cxa_guard_release(guard);
  if (is_active(tier::locks) && has_loop()) end_once(guard);
}

void weft_guard_abort(abi::__guard* guard) noexcept {
  if (has_loop()) unlocked(guard);
  real::__cxa_guard_abort(guard);
  if (is_active(tier::locks) && has_loop()) end_once(guard);
}

}  // extern "C"
