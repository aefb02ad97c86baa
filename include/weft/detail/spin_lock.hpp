// SPDX-License-Identifier: BSL-1.0
// A lock for a few instructions: no user code, no park and no system call under it. Layer: base.
//
// While one thread alone takes it, it costs that thread no atomic operation: after a row of its own
// the lock is biased to it. The owner then says that it comes by a plain store, and looks
// whether the bias still holds; a compiler may not turn the two round, a processor may. Who comes
// second takes the bias away for good, and has the kernel stop every core of the process at a full
// barrier (membarrier, some microseconds): from then on either the owner has seen that the bias is
// gone, or everybody sees that it is inside, and it is waited for. From then on, and for those who
// wait meanwhile, it is one atomic exchange to lock and a plain store to unlock.
//
// The revocation as a model, in every order of its steps: tests/stress/bias.pml. Source: membarrier
// (2); the fast side needs no more than a signal fence: P1202, "Asymmetric fences".
#pragma once

#include <atomic>
#include <cstdint>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Which thread this is: its control block, in one instruction. A fiber stays on its thread.
WEFT_INLINE std::uintptr_t thread_word() noexcept {
  std::uintptr_t word;
#if defined(__x86_64__)
  asm("mov %%fs:0, %0" : "=r"(word));  // points to itself: System V ABI, TLS, variant II
#elif defined(__aarch64__)
  asm("mrs %0, tpidr_el0" : "=r"(word));
#endif
  return word;
}

class WEFT_API spin_lock {
 public:
  WEFT_INLINE void lock() noexcept {
    const std::uintptr_t bias = bias_.load(std::memory_order_relaxed);
    if (bias == thread_word()) {
      owner_is_.store(at_the_door, std::memory_order_relaxed);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // then bias_: see above
      if (WEFT_LIKELY(bias_.load(std::memory_order_relaxed) == bias)) {
        owner_is_.store(inside, std::memory_order_relaxed);
        std::atomic_signal_fence(std::memory_order_seq_cst);
        return;
      }
      owner_is_.store(outside, std::memory_order_release);
      lock_slowly();
      return;
    }
    // acquire; pairs with the release of who held it before
    if (WEFT_UNLIKELY(bias != nobodys || is_held_.exchange(true, std::memory_order_acquire))) {
      lock_slowly();
    }
  }

  WEFT_INLINE void unlock() noexcept {
    // Only the owner, who is then the caller, is seen inside; at the door it may be seen by others.
    if (owner_is_.load(std::memory_order_relaxed) == inside) {
      owner_is_.store(outside, std::memory_order_release);
    } else {
      is_held_.store(false, std::memory_order_release);
    }
  }

 private:
  // In place of a thread's word: the one who takes it may earn the bias; nobody ever will.
  static constexpr std::uintptr_t earnable = 0;
  static constexpr std::uintptr_t nobodys = 1;

  // Of the owner: it holds the lock; it says that it comes, and looks whether it still may.
  static constexpr std::uint8_t outside = 0;
  static constexpr std::uint8_t at_the_door = 1;
  static constexpr std::uint8_t inside = 2;

  void lock_slowly() noexcept;
  void earn_or_revoke() noexcept;

  std::atomic<std::uintptr_t> bias_{earnable};   // changed by who holds is_held_
  std::atomic<std::uint8_t> owner_is_{outside};  // written by whom the lock is biased to
  std::atomic<bool> is_held_{false};
  std::uint16_t row_ = 0;   // how often the last one took it, one after the other
  std::uint32_t last_ = 0;  // who that was: the low half of its word
};

// The same for what one loop has for itself: its fibers meet only where one parks.
class no_lock {
 public:
  WEFT_INLINE void lock() noexcept {}
  WEFT_INLINE void unlock() noexcept {}
};

}  // namespace detail
WEFT_NAMESPACE_END
