// SPDX-License-Identifier: BSL-1.0
// The waiting of gather: see gather_wait.hpp.
#include <exception>

#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/gather_wait.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

void visit_gathered(const void* on, awaited_visitor& to) {
  const gather_room& room = *static_cast<const gather_room*>(on);
  for (std::size_t i = 0; i < room.count; ++i) {
    if (room.records[i]->state != fiber_state::done) to.visit(*room.records[i]);
  }
}

constexpr wait_type gather_wait_type{"gather", ended_by::fibers, &visit_gathered};

void count_end(gather_room& room, fiber& ended) noexcept {
  --room.pending;
  if (ended.outcome != fiber_outcome::value && room.failed == nullptr) room.failed = &ended;
  if (room.waiting != nullptr && (room.pending == 0 || room.failed != nullptr)) {
    wake(*room.waiting, wake_reason::completed);
  }
}

void on_end(wait_node& node, fiber& ended) noexcept {
  count_end(*static_cast<gather_node&>(node).room, ended);
}

void check_inputs(loop_core& here, fiber* const* records, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) {
    if (records[i] == nullptr) {
      misuse("gather() was given an empty handle as argument " + std::to_string(i + 1));
    }
    if (records[i] == here.current) {
      misuse("gather() in " + describe(*here.current) +
             " was given that task itself: it would wait for its own end");
    }
    if (records[i]->is_result_taken) {
      misuse("gather() was given " + describe(*records[i]) +
             ", whose result was taken already by get() or gather()");
    }
    if (records[i]->shared != here.shared) {
      misuse("gather() takes tasks of its own loop; " + describe(*records[i]) +
             " belongs to another: get() it instead");
    }
  }
}

void await_rest(loop_core& here, gather_room& room) noexcept {
  room.failed = nullptr;  // from here on only the last end wakes us
  while (room.pending != 0) {
    room.waiting = here.current;
    park(here, gather_wait_type, &room, false);
    room.failed = nullptr;
  }
}

}  // namespace

void gather_wait(loop_core& here, fiber* const* records, gather_node* nodes, std::size_t count) {
  check_inputs(here, records, count);
  if (count == 0) return;
  throw_if_cancelled(here);
  fiber& self = *here.current;
  gather_room room;
  room.records = records;
  room.pending = room.count = count;
  for (std::size_t i = 0; i < count; ++i) {
    if (records[i]->state == fiber_state::done) {
      count_end(room, *records[i]);
      continue;
    }
    nodes[i].room = &room;
    nodes[i].notify = &on_end;
    records[i]->waiters.push_back(nodes[i]);
  }
  bool is_cancelled = false;
  while (room.pending != 0 && room.failed == nullptr && !is_cancelled) {
    room.waiting = &self;
    is_cancelled =
        park(here, gather_wait_type, &room, is_cancel_deliverable(here)) == wake_reason::cancelled;
  }
  fiber* const failed = room.failed;
  if (failed != nullptr || is_cancelled) {
    for (std::size_t i = 0; i < count; ++i) cancel_fiber(*records[i], {});
    await_rest(here, room);
  }
  if (is_cancelled) throw_cancelled(here);
  if (failed == nullptr) {
    // From the back: the last mention of a task is the one that takes its result.
    for (std::size_t i = count; i-- > 0;) {
      nodes[i].stands_again = records[i]->is_result_taken;
      records[i]->is_result_taken = true;
    }
    return;
  }
  if (failed->outcome == fiber_outcome::cancelled) throw_task_cancelled(*failed);
  failed->is_error_seen = true;
  std::rethrow_exception(failed->error);
}

}  // namespace detail
WEFT_NAMESPACE_END
