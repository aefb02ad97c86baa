// SPDX-License-Identifier: BSL-1.0
// The lock under shared_mutex: one writer, or any number of readers, in the order in which they
// asked. Layer: sync. All of it lies in src/sync/shared_lock_core.cpp.
#pragma once

#include <cstddef>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/lock_core.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct shared_waiter;

template <class Policy>
class WEFT_API shared_lock_core {
 public:
  shared_lock_core() noexcept = default;
  shared_lock_core(const shared_lock_core&) = delete;
  shared_lock_core& operator=(const shared_lock_core&) = delete;
  ~shared_lock_core();

  // False when the deadline came first.  Throws: std::logic_error for the one who has it alone.
  bool lock_until(time_point deadline, const char* call);
  bool try_lock() noexcept;
  void unlock(const char* call);

  bool lock_shared_until(time_point deadline, const char* call);
  bool try_lock_shared() noexcept;
  void unlock_shared(const char* call);

  lock_holder writer() const noexcept { return writer_.load(std::memory_order_relaxed); }

 private:
  bool nobody_waits(const loop_core* here) noexcept;
  bool can_write(const loop_core* here) noexcept;
  bool take_from_offered(const loop_core* here) noexcept;
  void grant(claimed_waiters& woken, loop_core* here) noexcept;
  void leave_queue(loop_core* here) noexcept;
  void refuse_again(loop_core* here, const char* call);

  typename Policy::lock guard_;
  // Guarded by guard_. Free only while nobody waits, but for those that are leaving.
  list queue_;
  std::size_t readers_ = 0;
  typename Policy::template word<lock_holder> writer_{nobody};
  // A fiber that was given the lock for itself and has not run since, and who gave it: as
  // lock_offer.
  shared_waiter* offered_ = nullptr;
  lock_holder offered_by_ = nobody;
};

extern template class shared_lock_core<any_thread>;
extern template class shared_lock_core<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
