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

[[noreturn, gnu::cold]] void refuse_input(loop_core& here, const fiber* one, std::size_t place,
                                          const char* call) {
  const std::string name = call;
  if (one == nullptr) {
    misuse(name + " was given an empty handle as argument " + std::to_string(place + 1));
  }
  if (one == here.current) {
    misuse(name + " in " + describe(*here.current) +
           " was given that task itself: it would wait for its own end");
  }
  if (!is_of(here, *one)) {
    misuse(name + " takes tasks of its own loop; " + describe(*one) +
           " belongs to another: get() it instead");
  }
  misuse(name + " was given " + describe(*one) +
         ", whose result was taken already by get() or gather()");
}

WEFT_INLINE void check_input(loop_core& here, const fiber* one, std::size_t place, const char* call,
                             bool takes_result) {
  if (WEFT_UNLIKELY(one == nullptr || one == here.current || !is_of(here, *one) ||
                    (takes_result && one->is_result_taken))) {
    refuse_input(here, one, place, call);
  }
}

// Before the room dies while some have not ended.
void unwatch(gather_room& room, gather_nodes& nodes) noexcept {
  for (std::size_t i = 0; i < room.count; ++i) {
    if (room.records[i]->family == &room) room.records[i]->family = nullptr;
    if (nodes.nodes != nullptr && nodes.nodes[i].is_linked()) nodes.nodes[i].unlink();
  }
}

// The room becomes the parent of each that has none: a word where a node would be a cache line.
void watch(gather_room& room, fiber& one, gather_nodes& nodes, std::size_t place,
           std::size_t count) {
  if (one.state == fiber_state::done) {
    ++room.pending;
    count_end(room, one);
  } else if (one.family == nullptr) {
    ++room.pending;
    one.family = &room;
  } else if (one.family != &room) {  // else it is here for the second time
    if (nodes.nodes == nullptr) nodes.nodes.reset(new gather_nodes::node[count]);
    ++room.pending;
    nodes.nodes[place].room = &room;
    nodes.nodes[place].notify = &on_end;
    one.waiters.push_back(nodes.nodes[place]);
  }
}

// Checks and watches in one walk: ten thousand records lie in no cache that is near. Misuse is told
// before a cancel; after either nothing is watched.
void watch_all(loop_core& here, gather_room& room, fiber* const* records, gather_nodes& nodes,
               std::size_t count, const char* call, bool takes_results) {
  room.records = records;
  const bool is_chosen = whole(here).chooses != nullptr;
  try {
    for (; room.count < count; ++room.count) {
      check_input(here, records[room.count], room.count, call, takes_results);
      if (is_chosen) note_looked_at(*records[room.count]);
      watch(room, *records[room.count], nodes, room.count, count);
    }
    throw_if_cancelled(here);
  } catch (...) {
    unwatch(room, nodes);
    throw;
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

void check_inputs(loop_core& here, fiber* const* records, std::size_t count, const char* call,
                  bool takes_results) {
  for (std::size_t i = 0; i < count; ++i) {
    check_input(here, records[i], i, call, takes_results);
  }
}

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
  if (count == 0) return;
  gather_room room(gather_goal::first_failure);
  watch_all(here, room, records, nodes, count, "gather()", true);
  const bool is_whole = await_goal(here, room, gather_wait_type);
  fiber* const failed = room.failed;
  if (!is_whole || failed != nullptr) cancel_and_await(here, room, gather_wait_type);
  if (!is_whole) throw_if_cancelled(here);
  if (failed != nullptr) throw_end_of(*failed);
  if (room.failed != nullptr) throw_end_of(*room.failed);  // cancelled by us, and nothing thrown
  take_results(records, nodes, count);
}

void settle_wait(loop_core& here, fiber* const* records, gather_nodes& nodes, std::size_t count) {
  if (count == 0) return;
  gather_room room(gather_goal::all);
  watch_all(here, room, records, nodes, count, "gather_settled()", true);
  if (!await_goal(here, room, gather_wait_type)) {
    cancel_and_await(here, room, gather_wait_type);
    throw_if_cancelled(here);
  }
  take_results(records, nodes, count);
}

std::size_t race_wait(loop_core& here, fiber* const* records, std::size_t count) {
  gather_room room(gather_goal::first_end);
  gather_nodes nodes;
  watch_all(here, room, records, nodes, count, "race()", true);
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
  gather_room room(goal);
  gather_nodes nodes;
  watch_all(here, room, records, nodes, count, "wait()", false);
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
