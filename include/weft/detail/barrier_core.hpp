// SPDX-License-Identifier: BSL-1.0
// The rounds of a barrier: who has arrived, who waits, who has not left yet. Layer: sync. What is
// done between two rounds is the user's type and stays in barrier.hpp; the rest lies in
// src/sync/barrier_core.cpp.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

enum class barrier_turn : std::uint8_t {
  passed,  // the round is over
  last,    // everybody is there: the caller runs the completion, then end_round()
  late,    // the deadline came first
};

template <class Policy>
class WEFT_API barrier_core {
 public:
  explicit barrier_core(std::ptrdiff_t parties);
  ~barrier_core();

  // Arrives, and waits for the others unless it is the last; its place among them goes to `index`.
  // Throws: broken_barrier; cancelled. Cancelled or late, it has not arrived.
  barrier_turn arrive_and_wait(time_point deadline, std::size_t& index);

  // Arrives n times, and with `drops` for the last time. True: the caller is the last one.
  bool arrive(std::ptrdiff_t n, bool drops, std::uint64_t& round, const char* call);

  // Waits for the end of a round in which the caller has arrived; false: too late.
  bool wait_round(std::uint64_t round, time_point deadline);

  // By the last one, after the completion; its index.  Throws: broken_barrier, if the round was
  // aborted or reset meanwhile.
  std::size_t end_round();

  void abort() noexcept;
  void reset() noexcept;

  std::ptrdiff_t parties() const noexcept;
  std::size_t waiting() const noexcept;
  bool is_broken() const noexcept;

 private:
  bool enter(loop_core* here, time_point deadline);
  bool take(std::ptrdiff_t n, const char* call);
  void release(claimed_waiters& woken, std::uint8_t verdict) noexcept;
  void start_round() noexcept;
  void let_in(claimed_waiters& woken) noexcept;
  void leave(std::uint8_t verdict);

  mutable wait_core<Policy> core_;  // its queue: who waits for the end of a round
  // The rest is guarded by core_.
  list late_;                 // who waits until the round before has drained
  std::ptrdiff_t parties_;    // of the rounds to come
  std::ptrdiff_t size_;       // of this round
  std::ptrdiff_t pending_;    // of them, who has not arrived
  std::size_t draining_ = 0;  // who was let go and has not left
  std::uint64_t round_ = 0;
  std::uint64_t reset_round_ = UINT64_MAX;  // the last round that reset() ended
  bool is_broken_ = false;
  bool is_completing_ = false;  // everybody is there, and the completion runs
  bool is_spoilt_ = false;      // and somebody ended the round meanwhile
};

extern template class barrier_core<any_thread>;
extern template class barrier_core<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
