// SPDX-License-Identifier: BSL-1.0
// Where a record is before it has a loop: made by one thread for another one's loop, or for any
// loop of a pool. Layer: loop. Its handle must work meanwhile, and cannot do so by message yet.
//
// fiber::shared says it: nullptr as long as no loop has the record, and from then on that loop's
// side. Whoever wants to act on a record without a loop holds it, so that no loop takes it in for a
// few instructions: that is one more value of the same word, and no lock that a pool would have to
// keep for handles that outlive it.
#pragma once

#include <atomic>
#include <cstdint>

#include "../base/syscalls.hpp"
#include "shared_side.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/loop_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

inline shared_side* held_marker() noexcept {
  return reinterpret_cast<shared_side*>(std::uintptr_t{1});
}

// The side of the record's loop; nullptr while it has none.
// acquire; pairs with place(): id and home are written before
inline shared_side* side_of(const fiber& record) noexcept {
  shared_side* const side = record.shared.load(std::memory_order_acquire);
  return side != held_marker() ? side : nullptr;
}

// Swaps `wanted` in for nullptr. False if the record has a loop.
inline bool replace_no_side(fiber& record, shared_side* wanted) noexcept {
  for (;;) {
    shared_side* seen = nullptr;
    // acq_rel: takes over what the last holder wrote, and gives away what a loop did
    if (record.shared.compare_exchange_strong(seen, wanted, std::memory_order_acq_rel,
                                              std::memory_order_acquire)) {
      return true;
    }
    if (seen != held_marker()) return false;
    raw_syscall(SYS_sched_yield);
  }
}

// Gives the record its loop, for good. Who holds it may look at home and id: they are written once
// it has let go.  Calls from: that loop's thread.  Precondition: the record has no loop.
inline void place(fiber& record, loop_core& home, std::uint64_t id) noexcept {
  replace_no_side(record, held_marker());
  record.home = &home;
  record.id = id;
  record.shared.store(home.shared, std::memory_order_release);  // pairs with side_of()
}

// Keeps a record from being taken in, if no loop has it yet: then bool says true, and whoever holds
// may touch what the record's loop would. Nothing that waits may happen meanwhile.
class placement_hold {
 public:
  explicit placement_hold(fiber& record) noexcept
      : record_(record), is_held_(replace_no_side(record, held_marker())) {}
  ~placement_hold() {
    // release; pairs with the exchange of the next. From here on the record may be gone.
    if (is_held_) record_.shared.store(nullptr, std::memory_order_release);
  }
  placement_hold(const placement_hold&) = delete;
  placement_hold& operator=(const placement_hold&) = delete;

  explicit operator bool() const noexcept { return is_held_; }

 private:
  fiber& record_;
  const bool is_held_;
};

}  // namespace detail
WEFT_NAMESPACE_END
