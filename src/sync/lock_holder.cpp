// SPDX-License-Identifier: BSL-1.0
// See lock_holder.hpp.
#include "lock_holder.hpp"

#include "../loop/loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

const fiber* known_holder(lock_holder holder) noexcept {
  loop_core* const here = running_loop();
  if (here == nullptr || holder == nobody || (holder & is_a_thread) != 0) return nullptr;
  const fiber* const f = whole(*here).find_fiber(reinterpret_cast<const void*>(holder));
  return f != nullptr && held_locks(*f) != 0 ? f : nullptr;
}

std::string describe_holder(lock_holder holder) {
  if (const fiber* const f = known_holder(holder)) return describe(*f);
  return (holder & is_a_thread) != 0 ? "another thread"
                                     : "a fiber of another loop, or one that has ended,";
}

std::string describe_caller(const loop_core* here) {
  return here != nullptr ? describe(*here->current) : "a thread";
}

}  // namespace detail
WEFT_NAMESPACE_END
