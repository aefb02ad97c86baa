// SPDX-License-Identifier: BSL-1.0
// The lock under every mutex. Layer: sync. One word says who holds it and whether anybody waits, so
// that lock and unlock of a free one are one exchange each; waiting, hand-over and errors lie in
// src/sync/lock_core.cpp.
#pragma once

#include <cstdint>

#include "weft/detail/check.hpp"
#include "weft/detail/chooser.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Who holds a lock: a fiber's record, or a thread's pointer with a bit set. Both are unique among
// the living, and their low bits are free.
using lock_holder = std::uintptr_t;
inline constexpr lock_holder nobody = 0;
inline constexpr lock_holder has_waiters = 1;  // beside the holder
inline constexpr lock_holder is_a_thread = 2;

WEFT_INLINE lock_holder holder_of(const fiber& f) noexcept {
  return reinterpret_cast<lock_holder>(&f);
}

WEFT_INLINE lock_holder this_thread_as_holder() noexcept {
  lock_holder pointer;
#if defined(__x86_64__)
  asm("movq %%fs:0, %0" : "=r"(pointer));
#elif defined(__aarch64__)
  asm("mrs %0, tpidr_el0" : "=r"(pointer));
#else
  pointer = reinterpret_cast<lock_holder>(__builtin_thread_pointer());
#endif
  return pointer | is_a_thread;
}

WEFT_INLINE lock_holder this_holder(const loop_core* here) noexcept {
  return WEFT_LIKELY(here != nullptr) ? holder_of(*here->current) : this_thread_as_holder();
}

struct lock_waiter;

// A hand-over to a fiber that has not run since. try_lock() of another fiber may still take it
// away, once: std::lock() would otherwise meet locks that somebody has, and nobody uses, for ever.
template <class Policy>
struct lock_offer {
  // Which loop's fiber it is; only that loop's fibers look further.
  typename Policy::template word<const loop_core*> on{nullptr};
  lock_waiter* to = nullptr;  // the rest: fibers of `on` only
  lock_holder by = nobody;
};

template <class Policy>
class WEFT_API lock_core {
 public:
  lock_core() noexcept = default;
  lock_core(const lock_core&) = delete;
  lock_core& operator=(const lock_core&) = delete;
  ~lock_core() {
    guard_.lock();  // who unlocked it last may have looked for waiters, and be on its way back
    guard_.unlock();
    if (WEFT_UNLIKELY(word_.load(std::memory_order_relaxed) != nobody)) note_destroyed();
    note_access(this, access::ends);
  }

  WEFT_INLINE void lock(const char* call) {
    loop_core* const here = fibers_loop();
    touch(here);
    if (WEFT_LIKELY(take_free(here))) {
      spend_of(here);
    } else {
      lock_slowly(here, call);
    }
  }

  WEFT_INLINE bool try_lock() noexcept {
    loop_core* const here = fibers_loop();
    touch(here);
    return take_free(here) || try_lock_slowly(here);
  }

  bool lock_until(time_point deadline, const char* call);

  WEFT_INLINE void unlock(const char* call) {
    loop_core* const here = fibers_loop();
    touch(here);
    const lock_holder self = this_holder(here);
    lock_holder seen = self;
    // release; pairs with the acquire of who locks next
    if (WEFT_UNLIKELY(!word_.compare_exchange_strong(seen, nobody, std::memory_order_release,
                                                     std::memory_order_relaxed))) {
      unlock_slowly(here, seen, call);
    }
    if (WEFT_LIKELY(here != nullptr)) ++here->current->locks_given;
  }

  // True if the calling fiber or thread holds it.
  WEFT_INLINE bool is_mine() const noexcept {
    return (word_.load(std::memory_order_relaxed) & ~has_waiters) == this_holder(fibers_loop());
  }

  lock_holder holder() const noexcept {
    return word_.load(std::memory_order_relaxed) & ~has_waiters;
  }

 private:
  // For testing::explore.
  WEFT_INLINE void touch(const loop_core* here) const noexcept {
    if (WEFT_UNLIKELY(here != nullptr && here->is_watched)) tell_touched(this, access::writes);
  }

  WEFT_INLINE bool take_free(loop_core* here) noexcept {
    lock_holder seen = nobody;
    if (WEFT_UNLIKELY(!word_.compare_exchange_strong(
            seen, this_holder(here), std::memory_order_acquire, std::memory_order_relaxed))) {
      return false;
    }
    if (WEFT_LIKELY(here != nullptr)) ++here->current->locks_taken;
    return true;
  }

  void lock_slowly(loop_core* here, const char* call);
  bool try_lock_slowly(loop_core* here) noexcept;
  void unlock_slowly(loop_core* here, lock_holder seen, const char* call);
  bool wait_for_lock(loop_core* here, time_point deadline);
  bool take_or_mark(lock_holder self) noexcept;
  void note_destroyed() const noexcept;

  typename Policy::template word<lock_holder> word_{nobody};
  typename Policy::lock guard_;
  list queue_;  // guarded by guard_
  lock_offer<Policy> offer_;
};

extern template class lock_core<any_thread>;
extern template class lock_core<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
