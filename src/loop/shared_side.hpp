// SPDX-License-Identifier: BSL-1.0
// What of a loop outlives it: handles of tasks, loop_refs and foreign waiters keep it. Layer: loop.
// While the loop lives, its records belong to its thread; after `ended`, to whoever holds them.
#pragma once

#include <atomic>
#include <cstdint>

#include "../fiber/record_pool.hpp"
#include "inbox.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

// Whose process a loop is of. In a child of fork(): inherited, until weft::after_fork_child();
// lost, if its thread is not here or its fibers were left behind.
enum class ownership : std::uint8_t { ours, inherited, lost };

struct shared_side {
  inbox box;
  record_pool records;                       // the loop's thread only, until ended
  loop* owner = nullptr;                     // valid while !ended, on the loop's thread
  int thread = 0;                            // gettid() of the loop's thread
  std::atomic<std::uint32_t> references{1};  // the loop, loop_refs, orphaned records, signallers
  std::atomic<std::uint32_t> external{0};    // loop_refs through which an outside event may come
  std::atomic<bool> refuses_work{false};     // the loop is closing: posts are turned away
  std::atomic<ownership> whose{ownership::ours};  // changes only while a child has one thread
  std::atomic<bool> ended{false};  // release when every fiber has ended; acquire by handles

  void add_ref() noexcept { references.fetch_add(1, std::memory_order_relaxed); }
  void drop_ref() noexcept {
    // acq_rel: the last one destroys what the others wrote
    if (references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
  }
  bool is_of_parent() const noexcept {
    return whose.load(std::memory_order_relaxed) != ownership::ours;
  }
  bool has_ended() const noexcept { return ended.load(std::memory_order_acquire); }
};

// Gives an ended record back, from the loop's thread while the loop lives, from anywhere later.
void free_record(fiber& record) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
