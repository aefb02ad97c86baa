// SPDX-License-Identifier: BSL-1.0
// Fibers of any loop that wait for the object at an address: a mutex, a semaphore, a futex. Layer:
// hook. The object itself is the C library's, and has no room for a queue, so queues hang on a
// table that is hashed by address, as in the kernel's futexes.
//
// No wake-up is lost (Dekker). Who waits registers, passes a full fence and then looks at the
// object again; who changes the object does that first, passes a full fence and then looks for
// waiters. At least one of the two sees what the other has written. The fence of the changing side
// lies in the C library's own locked instruction on x86; others get one of their own: see
// fence_after_change().
#pragma once

#include <atomic>
#include <cstdint>

#include "gate.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/waiter.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

inline constexpr std::uint32_t all_bits = 0xffffffffU;

enum class wait_end : std::uint8_t { woken, timed_out, interrupted };

// One wait of the running fiber, registered from its construction on. Lies on the fiber's stack.
class address_wait final : public detail::waiter {
 public:
  // Passes a full fence after it has registered.
  address_wait(loop& here, const void* address, std::uint32_t bits = all_bits) noexcept;
  ~address_wait();  // precondition: leave() or wait() was called

  // Unregisters without a wait. True if it was woken meanwhile: that wake is the caller's to use.
  bool leave(const detail::wait_type& what) noexcept;

  // Parks until somebody wakes it; a cancel does not end it. It is registered no more.
  wait_end wait(const detail::wait_type& what, time_point deadline) noexcept;

  // Of those that a futex wait asks for: a wake reaches it that has one of them.
  const std::uint32_t bits;
};

// A lock for a few instructions, under which nothing is called. Whoever forks holds all of them, so
// that what they guard is whole in the child; for that thread they are open meanwhile.
class queue_lock {
 public:
  // False in a signal handler that interrupted a holder: then nothing is to be touched.
  [[nodiscard]] bool lock() noexcept;
  void unlock() noexcept;

  // The same for who takes many: see stand_by_for_fork().
  void hold() noexcept;
  void let_go() noexcept { is_held_.store(false, std::memory_order_release); }

 private:
  std::atomic<bool> is_held_{false};
};

// How many wait, for whatever address. In a line of its own: every unlock reads it.
struct alignas(64) waiter_count {
  std::atomic<std::uint32_t> value{0};
};
inline waiter_count waiters_anywhere;

// True if somebody may wait for this address.
bool may_be_awaited(const void* address) noexcept;

// Wakes at most so many of those that wait longest; says how many. `here` is the caller's loop, or
// nullptr where a signal handler may be calling: then fibers of this thread are told by a message.
// The address is not followed: the object may be gone.
unsigned wake_waiting(const void* address, unsigned most, std::uint32_t wanted_bits,
                      const loop_core* here) noexcept;

// Stands between a change of the object and the look for those who wait for it.
WEFT_INLINE void fence_after_change() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  // glibc unlocks and posts by a locked instruction, which is a full fence for the processor; the
  // one exception is a process with a single thread, which sees its own writes in order.
  std::atomic_signal_fence(std::memory_order_seq_cst);
#else
  std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

// The object was unlocked, posted or signalled, which came to `result`: one, or `most`, of those
// who wait may try again. Costs one load where nobody waits for anything.
int wake_awaited(int result, const void* address, unsigned most, const loop_core* here) noexcept;
WEFT_INLINE int wake_some(int result, const void* address, unsigned most,
                          const loop_core* here) noexcept {
  // relaxed: ordered behind the change by the fence, see above
  if (WEFT_LIKELY(waiters_anywhere.value.load(std::memory_order_relaxed) == 0)) return result;
  return wake_awaited(result, address, most, here);
}
inline constexpr unsigned all_waiters = ~0U;

// Keeps the queues usable in children of fork(). Once, before the first wait.
void stand_by_for_fork() noexcept;

// After a wake of a fiber of this loop: lets it have what it was woken for. Otherwise whoever
// unlocks and locks again without a wait in between, and then waits with the lock held, would find
// it free each time, and the other one never. Called before a fiber takes a lock.
void let_woken_run(loop& here) noexcept;

}  // namespace hook
WEFT_NAMESPACE_END
