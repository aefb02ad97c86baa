// SPDX-License-Identifier: BSL-1.0
// Who waits for a spin_lock, earns its bias or takes it away: see spin_lock.hpp.
#include "weft/detail/spin_lock.hpp"

#include <linux/membarrier.h>

#include "relax.hpp"
#include "sanitizers.hpp"
#include "syscalls.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Some 0.6 us between two looks. A look takes the lock's cache line from its holder, who then waits
// for it: seldom looks let the holder, who has all it needs in its cache, go on for a while. Two
// loops at one channel, far apart: 75-80 ns a message instead of 100.
constexpr unsigned relaxes_per_look = 32;
constexpr unsigned looks_before_yield = 4;  // longer than anybody holds one

// What is used a few times and then by somebody else is never biased: to take a bias away costs as
// much as some thousand exchanges.
constexpr unsigned row_to_earn = 64;

bool have_barriers() noexcept {
  return raw_syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
}

// Registered when the library is loaded: with threads beside, the kernel takes up to 20 ms for it.
// ThreadSanitizer sees no barrier in the kernel; valgrind may not know the call.
const bool can_bias = !has_thread_sanitizer() && !is_on_valgrind() && have_barriers();

void stop_all_at_barrier() noexcept {
  const auto stop = [] {
    return raw_syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0);
  };
  if (WEFT_LIKELY(stop() == 0) || (have_barriers() && stop() == 0)) return;
  fatal(
      "the system refuses membarrier(2), which it granted when weft was loaded: a filter that is "
      "installed later (seccomp) must let it through");
}

template <class F>
void wait_while(F&& is_held) noexcept {
  unsigned looks = 0;
  do {
    for (unsigned i = 0; i < relaxes_per_look; ++i) relax();
    // its holder may have lost the processor
    if (++looks % looks_before_yield == 0) raw_syscall(SYS_sched_yield);
  } while (is_held());
}

}  // namespace

void spin_lock::lock_slowly() noexcept {
  while (is_held_.exchange(true, std::memory_order_acquire)) {
    wait_while([this] { return is_held_.load(std::memory_order_relaxed); });
  }
  if (bias_.load(std::memory_order_relaxed) != nobodys) earn_or_revoke();
}

// Precondition: is_held_ is the caller's.
void spin_lock::earn_or_revoke() noexcept {
  const std::uintptr_t me = thread_word();
  if (bias_.load(std::memory_order_relaxed) == earnable) {
    const auto short_word = static_cast<std::uint32_t>(me);
    if (last_ != short_word) {
      last_ = short_word;
      row_ = 0;
    } else if (++row_ == row_to_earn) {
      bias_.store(can_bias ? me : nobodys, std::memory_order_relaxed);
    }
    return;
  }
  bias_.store(nobodys, std::memory_order_relaxed);
  stop_all_at_barrier();
  // acquire; pairs with the release of the owner, whose last time this is
  if (owner_is_.load(std::memory_order_acquire) != outside) {
    wait_while([this] { return owner_is_.load(std::memory_order_acquire) != outside; });
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
