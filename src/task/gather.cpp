// SPDX-License-Identifier: BSL-1.0
// The waiting of gather, race and wait: see gather_wait.hpp.
#include <exception>
#include <string>
#include <utility>

#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/gather_wait.hpp"
#include "weft/errors.hpp"
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
constexpr wait_type race_wait_type{"race", ended_by::fibers, &visit_gathered};
constexpr wait_type wait_wait_type{"wait", ended_by::fibers, &visit_gathered};

bool is_failure(const fiber& ended, gather_goal goal) noexcept {
  return goal == gather_goal::first_error ? ended.outcome == fiber_outcome::error
                                          : ended.outcome != fiber_outcome::value;
}

bool is_reached(const gather_room& room) noexcept {
  if (room.pending == 0) return true;
  if (room.goal == gather_goal::all) return false;
  return room.goal == gather_goal::first_end ? room.first != nullptr : room.failed != nullptr;
}

void count_end(gather_room& room, fiber& ended) noexcept {
  --room.pending;
  if (room.first == nullptr) room.first = &ended;
  if (room.failed == nullptr && is_failure(ended, room.goal)) room.failed = &ended;
  if (room.waiting != nullptr && is_reached(room)) wake(*room.waiting, wake_reason::completed);
}

void on_end(wait_node& node, fiber& ended) noexcept {
  count_end(*static_cast<gather_nodes::node&>(node).room, ended);
}

void ignore_failure(fiber&) noexcept {}  // its handle keeps the error

void note_end_of_one(fiber& ended) noexcept {
  count_end(static_cast<gather_room&>(*std::exchange(ended.family, nullptr)), ended);
}

}  // namespace

void check_inputs(loop_core& here, fiber* const* records, std::size_t count, const char* call,
                  bool takes_results) {
  const std::string name = call;
  for (std::size_t i = 0; i < count; ++i) {
    if (records[i] == nullptr) {
      misuse(name + " was given an empty handle as argument " + std::to_string(i + 1));
    }
    if (records[i] == here.current) {
      misuse(name + " in " + describe(*here.current) +
             " was given that task itself: it would wait for its own end");
    }
    if (takes_results && records[i]->is_result_taken) {
      misuse(name + " was given " + describe(*records[i]) +
             ", whose result was taken already by get() or gather()");
    }
    if (!is_of(here, *records[i])) {
      misuse(name + " takes tasks of its own loop; " + describe(*records[i]) +
             " belongs to another: get() it instead");
    }
  }
}

namespace {

// The room becomes the parent of each that has none: a word where a node would be a cache line.
void watch_all(gather_room& room, fiber* const* records, gather_nodes& nodes, std::size_t count) {
  for (std::size_t i = 0; i < count; ++i) note_looked_at(*records[i]);
  for (std::size_t i = 0; i < count; ++i) {
    if (records[i]->family == nullptr || records[i]->state == fiber_state::done) continue;
    nodes.nodes.reset(new gather_nodes::node[count]);
    break;
  }
  room.records = records;
  room.pending = room.count = count;
  for (std::size_t i = 0; i < count; ++i) {
    fiber& one = *records[i];
    if (one.state == fiber_state::done) {
      count_end(room, one);
    } else if (one.family == nullptr) {
      one.family = &room;
    } else if (one.family == &room) {
      --room.pending;  // here for the second time
    } else {
      nodes.nodes[i].room = &room;
      nodes.nodes[i].notify = &on_end;
      one.waiters.push_back(nodes.nodes[i]);
    }
  }
}

// Before the room dies while some have not ended.
void unwatch(gather_room& room, gather_nodes& nodes) noexcept {
  for (std::size_t i = 0; i < room.count; ++i) {
    if (room.records[i]->family == &room) room.records[i]->family = nullptr;
    if (nodes.nodes != nullptr && nodes.nodes[i].is_linked()) nodes.nodes[i].unlink();
  }
}

// Until the goal is reached; false if the caller was cancelled first.
bool await_goal(loop_core& here, gather_room& room, const wait_type& what) noexcept {
  bool is_cancelled = false;
  while (!is_reached(room) && !is_cancelled) {
    room.waiting = here.current;
    is_cancelled = park(here, what, &room, is_cancel_deliverable(here)) == wake_reason::cancelled;
  }
  room.waiting = nullptr;
  return !is_cancelled;
}

void cancel_and_await(loop_core& here, gather_room& room, const wait_type& what) noexcept {
  for (std::size_t i = 0; i < room.count; ++i) cancel_fiber(*room.records[i], {});
  room.goal = gather_goal::all;
  while (room.pending != 0) {
    room.waiting = here.current;
    park(here, what, &room, false);
  }
  room.waiting = nullptr;
}

// From the back: the last mention of a task is the one that takes its result.
void take_results(fiber* const* records, gather_nodes& nodes, std::size_t count) {
  for (std::size_t i = count; i-- > 0;) {
    if (records[i]->is_result_taken) {
      if (nodes.twins.empty()) nodes.twins.resize(count);
      nodes.twins[i] = true;
    }
    records[i]->is_result_taken = true;
  }
}

[[noreturn]] void throw_end_of(fiber& failed) { std::rethrow_exception(error_of_end(failed)); }

}  // namespace

gather_room::gather_room(gather_goal what) noexcept
    : fiber_parent{&ignore_failure, &note_end_of_one, false}, goal(what) {}

std::exception_ptr error_of_end(fiber& record) {
  if (record.outcome == fiber_outcome::error) {
    record.is_error_seen = true;
    return record.error;
  }
  try {
    throw_task_cancelled(record);
  } catch (...) {
    return std::current_exception();
  }
}

void gather_wait(loop_core& here, fiber* const* records, gather_nodes& nodes, std::size_t count) {
  check_inputs(here, records, count, "gather()", true);
  if (count == 0) return;
  throw_if_cancelled(here);
  gather_room room(gather_goal::first_failure);
  watch_all(room, records, nodes, count);
  const bool is_whole = await_goal(here, room, gather_wait_type);
  fiber* const failed = room.failed;
  if (!is_whole || failed != nullptr) cancel_and_await(here, room, gather_wait_type);
  if (!is_whole) throw_if_cancelled(here);
  if (failed != nullptr) throw_end_of(*failed);
  if (room.failed != nullptr) throw_end_of(*room.failed);  // cancelled by us, and nothing thrown
  take_results(records, nodes, count);
}

void settle_wait(loop_core& here, fiber* const* records, gather_nodes& nodes, std::size_t count) {
  check_inputs(here, records, count, "gather_settled()", true);
  if (count == 0) return;
  throw_if_cancelled(here);
  gather_room room(gather_goal::all);
  watch_all(room, records, nodes, count);
  if (!await_goal(here, room, gather_wait_type)) {
    cancel_and_await(here, room, gather_wait_type);
    throw_if_cancelled(here);
  }
  take_results(records, nodes, count);
}

std::size_t race_wait(loop_core& here, fiber* const* records, std::size_t count) {
  check_inputs(here, records, count, "race()", true);
  throw_if_cancelled(here);
  gather_room room(gather_goal::first_end);
  gather_nodes nodes;
  watch_all(room, records, nodes, count);
  const bool has_winner = await_goal(here, room, race_wait_type);
  cancel_and_await(here, room, race_wait_type);
  if (!has_winner) throw_if_cancelled(here);
  fiber& winner = *room.first;
  if (winner.outcome != fiber_outcome::value) throw_end_of(winner);
  winner.is_result_taken = true;
  for (std::size_t i = 0; i < count; ++i) {
    if (records[i] == &winner) return i;
  }
  __builtin_unreachable();
}

bool wait_for_goal(loop_core& core, fiber* const* records, std::size_t count, gather_goal goal,
                   time_point deadline) {
  loop& here = whole(core);
  check_inputs(here, records, count, "wait()", false);
  throw_if_cancelled(here);
  gather_room room(goal);
  gather_nodes nodes;
  watch_all(room, records, nodes, count);
  fiber& self = *here.current;
  wake_reason reason = wake_reason::completed;
  while (!is_reached(room) && reason == wake_reason::completed) {
    // One that has passed fires at the loop's next look: others get their turn before.
    if (deadline != time_point::max()) arm_own_timer(here, here.time->now(), deadline);
    room.waiting = &self;
    reason = park(here, wait_wait_type, &room, is_cancel_deliverable(here));
  }
  unwatch(room, nodes);
  if (is_reached(room)) return true;  // also when a deadline or a cancel came right behind
  if (reason == wake_reason::cancelled) throw_cancelled(here);
  return false;
}

}  // namespace detail
WEFT_NAMESPACE_END
