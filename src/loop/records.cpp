// SPDX-License-Identifier: BSL-1.0
// Records from spawn to reuse: made by the loop's thread from its pool, or by another thread from
// the heap; given back by the loop, or, after the loop, by whoever holds the last handle.
#include <string>

#include "loop.hpp"
#include "placement.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

WEFT_NOINLINE fiber& new_fiber(loop_core* core, const spawn_request& request) {
  if (core == nullptr) {
    fiber& record = *new fiber;
    record.state = fiber_state::fresh;
    return record;
  }
  const std::uint32_t size = whole(*core).stacks.class_for(request.stack_bytes);
  fiber& record = take_record(*core, request.site);
  record.stack_class = static_cast<std::uint16_t>(size);
  if (record.site.where == nullptr) record.site.where = __builtin_return_address(0);
  return record;
}

void refill_records(loop_core& core) {
  loop& here = whole(core);
  refuse_in_child(*here.shared, "spawn()");
  record_pool& records = here.shared->records;
  // Room first, for every record that could be ready or asleep, main included.
  const std::size_t fibers = records.capacity() + records.next_chunk() + here.adopted_count + 2;
  here.ready.reserve(fibers);
  here.timers.reserve(fibers);
  here.free_records = records.add_chunk(&here, here.shared, here.free_records);
}

void abandon_fiber(fiber& record) noexcept {
  if (record.has_locals) drop_locals(record);
  if (record.ops != nullptr) {  // nobody took it: on the caller's own stack
    if (record.ops->drop_callable != nullptr) record.ops->drop_callable(record);
    if (record.ops->drop_block != nullptr) record.ops->drop_block(record);
  }
  if (record.is_pooled) {
    give_record(*record.home, record);
  } else {
    delete &record;
  }
}

void clean_record(fiber& record) noexcept {
  record.error = nullptr;
  record.bag.reset();
}

void loop::adopt(fiber& record) noexcept {
  arrivals.push_back(record.message);
  admit_arrivals();
}

void loop::admit_arrivals() noexcept {
  while (list_node* const first = arrivals.pop_front()) {
    fiber& record = *static_cast<fiber_message&>(*first).owner;
    try {
      const std::size_t fibers = shared->records.capacity() + adopted_count + 3;
      ready.reserve(fibers);
      timers.reserve(fibers);
    } catch (...) {  // no room now: the next turn tries again
      arrivals.push_back(record.message);
      return;
    }
    adopted.push_back(record.message);
    ++adopted_count;
    place(record, *this, ++next_id);  // from here on its handle acts by message
    start_fiber(*this, record);
  }
}

void discard_result(fiber& record) noexcept {
  if (record.ops == nullptr) return;
  if (record.outcome == fiber_outcome::value && record.ops->drop_result != nullptr) {
    record.ops->drop_result(record);
  }
  if (record.ops->drop_block != nullptr) record.ops->drop_block(record);
  record.ops = nullptr;
}

void discard_unseen(fiber& record, const char* how) noexcept {
  if (record.outcome == fiber_outcome::error && !record.is_error_seen) {
    report_lost_error(record, how);
  }
  discard_result(record);
}

void free_record(fiber& record) noexcept {
  shared_side& shared = *side_of(record);
  const bool loop_has_ended = shared.has_ended();
  if (record.is_pooled) {
    if (loop_has_ended) {
      make_blank(record);  // the chunk goes with the shared side
    } else {
      give_record(*record.home, record);
    }
  } else {
    if (!loop_has_ended) {
      record.message.unlink();
      --shared.owner->adopted_count;
    }
    delete &record;
  }
  if (loop_has_ended) shared.drop_ref();
}

}  // namespace detail
WEFT_NAMESPACE_END
