// SPDX-License-Identifier: BSL-1.0
// What a hooked call does that is to park while its fiber holds a pthread lock. Layer: hook.
#include "lock_policy.hpp"

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <new>
#include <string>

#include "../loop/held_locks.hpp"
#include "gate.hpp"
#include "weft/detail/check.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr int unasked = -1;
constexpr int unsaid = 4;  // the environment says nothing either
constexpr const char* policy_names[] = {"off", "warn", "pin", "coop"};

// A lock_policy, or one of the two above. relaxed: it says nothing about other memory.
std::atomic<int> chosen{unasked};

int from_environment() noexcept {
  const char* const wanted = std::getenv("WEFT_LOCKS");
  if (wanted == nullptr || *wanted == '\0') return unsaid;
  for (int i = 0; i < unsaid; ++i) {
    if (std::strcmp(wanted, policy_names[i]) == 0) return i;
  }
  return unasked;
}

void report_bad_policy() noexcept {
  try {
    detail::send_report(std::string("weft: WEFT_LOCKS=") + std::getenv("WEFT_LOCKS") +
                        " is no lock policy, and is ignored. It may be coop, pin, warn or off");
  } catch (const std::bad_alloc&) {
    detail::send_report("weft: WEFT_LOCKS is neither coop, pin, warn nor off, and is ignored");
  }
}

int chosen_policy() noexcept {
  int what = chosen.load(std::memory_order_relaxed);
  if (WEFT_LIKELY(what != unasked)) return what;
  const int told = from_environment();
  const int wanted = told == unasked ? unsaid : told;
  // One caller alone has asked first, and reports.
  if (!chosen.compare_exchange_strong(what, wanted, std::memory_order_relaxed)) return what;
  if (told == unasked) report_bad_policy();
  return wanted;
}

}  // namespace

lock_policy locks() noexcept {
  const int what = chosen_policy();
  const bool is_coop = is_active(tier::locks);
  if (what == unsaid) return is_coop ? lock_policy::coop : lock_policy::warn;
  const auto policy = static_cast<lock_policy>(what);
  return policy == lock_policy::coop && !is_coop ? lock_policy::warn : policy;
}

void set_locks(lock_policy what) {
  if (what == lock_policy::coop && !is_active(tier::locks)) {
    detail::misuse(
        "hook::set_locks(coop) without hook::install(tier::locks): locks would be "
        "held across waits, and nobody could wait for them");
  }
  chosen.store(static_cast<int>(what), std::memory_order_relaxed);
  watch_by_policy();
}

void watch_by_policy() noexcept {
  const lock_policy what = locks();
  if (active_tiers.load(std::memory_order_relaxed) == 0) return;  // WEFT_DEBUG=1 alone decides
  const bool is_watched = what == lock_policy::warn || what == lock_policy::pin;
  detail::set_lock_watching(is_watched                  ? detail::lock_watching::always
                            : what == lock_policy::coop ? detail::lock_watching::by_debug_mode
                                                        : detail::lock_watching::never);
}

bool must_block(loop& here, const void* besides) noexcept {
  if (WEFT_LIKELY(chosen.load(std::memory_order_relaxed) != static_cast<int>(lock_policy::pin))) {
    return false;
  }
  return detail::holds_locks(here, besides);
}

}  // namespace hook
WEFT_NAMESPACE_END
