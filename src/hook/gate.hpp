// SPDX-License-Identifier: BSL-1.0
// Whether a call that came here is to wait as a fiber, and the ends that such calls have. Layer:
// hook. Included by every file that defines hooked functions.
#pragma once

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>

#include "../loop/hooked_wait.hpp"
#include "../loop/loop.hpp"
#include "functions.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/park.hpp"
#include "weft/hook.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

using detail::loop;
using detail::loop_core;

// One for each row of functions.hpp.
enum class function_id : std::uint16_t {
#define WEFT_HOOK_ID(group, result, name, parameters, arguments, what) name,
  WEFT_HOOK_FUNCTIONS(WEFT_HOOK_ID)
#undef WEFT_HOOK_ID
      count
};
inline constexpr auto functions = static_cast<std::size_t>(function_id::count);

// Of one function. Written without an exchange: two loops at once may lose a count.
struct tally {
  std::atomic<std::uint64_t> calls{0};
  std::atomic<std::uint64_t> waits{0};
  std::atomic<std::uint64_t> offloads{0};
};
inline std::array<tally, functions> tallies;

WEFT_INLINE void count(std::atomic<std::uint64_t>& what) noexcept {
  what.store(what.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
}
WEFT_INLINE tally& tally_of(function_id id) noexcept {
  return tallies[static_cast<std::size_t>(id)];
}

// Bits of tier. Before install() none: everything passes.
inline std::atomic<unsigned> active_tiers{0};

WEFT_INLINE bool is_active(tier what) noexcept {
  return (active_tiers.load(std::memory_order_relaxed) & static_cast<unsigned>(what)) != 0;
}

// True inside hook::off. Its mark is a fiber_local: who has none is not asked.
bool is_off_here() noexcept;

// The loop whose fiber makes this call, if it is to wait there; nullptr: the C library's it is.
WEFT_INLINE loop* fiber_loop(tier what) noexcept {
  loop_core* const core = detail::running_loop();
  if (WEFT_LIKELY(core == nullptr)) return nullptr;  // a plain thread
  if (!is_active(what) || core->current == &core->idle || core->shared->is_of_parent() ||
      (WEFT_UNLIKELY(core->current->has_locals) && is_off_here())) {
    return nullptr;
  }
  return &detail::whole(*core);
}

// The same, and counts it.
WEFT_INLINE loop* fiber_loop(tier what, function_id id) noexcept {
  loop* const here = fiber_loop(what);
  if (WEFT_UNLIKELY(here != nullptr)) count(tally_of(id).calls);
  return here;
}

// As the C library ends a system call: a result, or -1 with errno.
template <class R = long>
WEFT_INLINE R ended(long result) noexcept {
  if (WEFT_LIKELY(result >= 0)) return static_cast<R>(result);
  errno = static_cast<int>(-result);
  return static_cast<R>(-1);
}

// False in a child of vfork(), which shares our memory.
bool is_own_process() noexcept;

// A call that did not wait: others get their turn after some of them.
WEFT_INLINE void spend(loop& here) noexcept { detail::spend_budget(here); }

// True if the fiber holds a pthread lock, besides this, and the policy says that it must not park:
// the caller then blocks its thread (lock_policy.cpp).
bool must_block(loop& here, const void* besides = nullptr) noexcept;

}  // namespace hook
WEFT_NAMESPACE_END
