// SPDX-License-Identifier: BSL-1.0
// What a hooked call does that is to park while its fiber holds a pthread lock. Layer: hook.
#include <atomic>
#include <cstdlib>
#include <cstring>

#include "gate.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr int unasked = -1;
constexpr int unsaid = 4;  // the environment says nothing either

// A lock_policy, or one of the two above.
std::atomic<int> chosen{unasked};

int from_environment() noexcept {
  const char* const wanted = std::getenv("WEFT_LOCKS");
  if (wanted == nullptr) return -1;
  constexpr const char* names[] = {"off", "warn", "pin", "coop"};
  for (int i = 0; i < 4; ++i) {
    if (std::strcmp(wanted, names[i]) == 0) return i;
  }
  return -1;
}

}  // namespace

lock_policy locks() noexcept {
  int what = chosen.load(std::memory_order_relaxed);
  if (what == unasked) {
    what = from_environment();
    chosen.store(what < 0 ? unsaid : what, std::memory_order_relaxed);
  }
  const bool is_coop = is_active(tier::locks);
  if (what < 0 || what == unsaid) return is_coop ? lock_policy::coop : lock_policy::warn;
  const auto policy = static_cast<lock_policy>(what);
  return policy == lock_policy::coop && !is_coop ? lock_policy::warn : policy;
}

void set_locks(lock_policy what) {
  if (what == lock_policy::coop && !is_active(tier::locks)) {
    detail::misuse("hook::set_locks(coop) without hook::install(tier::locks): locks would be "
                   "held across waits, and nobody could wait for them");
  }
  chosen.store(static_cast<int>(what), std::memory_order_relaxed);
}

bool must_block(loop&) noexcept { return false; }

}  // namespace hook
WEFT_NAMESPACE_END
