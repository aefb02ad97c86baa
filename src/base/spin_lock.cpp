// SPDX-License-Identifier: BSL-1.0
// What a thread does that finds a spin_lock held: see spin_lock.hpp.
#include "weft/detail/spin_lock.hpp"

#include "syscalls.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr unsigned looks_before_yield = 100;  // about 1 us: longer than anybody holds one

void relax() noexcept {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("isb");  // `yield` is a no-op on most cores
#endif
}

}  // namespace

void spin_lock::lock_slowly() noexcept {
  unsigned looks = 0;
  do {
    while (is_held_.load(std::memory_order_relaxed)) {
      if (++looks % looks_before_yield == 0) {
        raw_syscall(SYS_sched_yield);  // its holder may have lost the processor
      } else {
        relax();
      }
    }
  } while (is_held_.exchange(true, std::memory_order_acquire));
}

}  // namespace detail
WEFT_NAMESPACE_END
