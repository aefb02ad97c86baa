// SPDX-License-Identifier: BSL-1.0
// A group's waiting and its errors: see group_core.hpp.
//
// A child that fails cancels its siblings and the scope around the body. Whoever leaves the body
// then waits for all, in a wait that no cancel ends: children refer to what lies around the body.
#include "weft/detail/group_core.hpp"

#include <string>
#include <utility>

#include "../base/describe_exception.hpp"
#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/report.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

fiber& child_of(list_node& place) noexcept { return *static_cast<fiber_message&>(place).owner; }

void visit_children(const void* on, awaited_visitor& to) {
  auto& group = *const_cast<group_core*>(static_cast<const group_core*>(on));
  group.ordinary.for_each([&](list_node& place) { to.visit(child_of(place)); });
  group.daemons.for_each([&](list_node& place) { to.visit(child_of(place)); });
}

constexpr wait_type group_wait{"task group", ended_by::fibers, &visit_children};

void cancel_all(list& children) noexcept {
  children.for_each([](list_node& place) { cancel_fiber(child_of(place), {}); });
}

bool is_done(const group_core& group) noexcept {
  return group.ordinary.empty() && group.daemons.empty();
}

wake_reason await_children(loop_core& here, group_core& group, bool is_cancellable) noexcept {
  group.is_waiting = true;
  const wake_reason reason = park(here, group_wait, &group, is_cancellable);
  group.is_waiting = false;
  return reason;
}

void keep_error(group_core& group, std::exception_ptr error, const fiber* from) noexcept {
  try {
    std::string who = from != nullptr
                          ? describe(*from) + " (spawned at " + describe(from->site) + ")"
                          : "the body of the group, in " + describe(*group.owner);
    group.errors.push_back({std::move(error), std::move(who)});
  } catch (...) {
    send_report("weft: an error of a task group was lost: there was no memory to keep it.");
  }
}

}  // namespace

void open_group(group_core& group) {
  loop_core& here = require_loop("with_task_group()");
  group.owner = here.current;
  enter_scope(here, group.around);
}

void require_open(const group_core& group, const char* call) {
  if (group.is_closed) {
    misuse(std::string(call) +
           " was called on a task group that was joined already: spawn before join(), or open "
           "another group");
  }
  if (running_loop() != group.owner->home) {
    misuse(std::string(call) + " was called outside the group's loop: a group belongs to one loop");
  }
}

void adopt_child(group_core& group, fiber& child, bool is_daemon) {
  child.family = &group;
  (is_daemon ? group.daemons : group.ordinary).push_back(child.message);
  ++group.size;
  if (is_cancelled(group.around)) cancel_fiber(child, {});
}

void cancel_group(group_core& group, std::shared_ptr<const std::string> reason) noexcept {
  cancel_scope_now(group.around, std::move(reason));
  cancel_all(group.ordinary);
  cancel_all(group.daemons);
}

static void note_failure(fiber& child) noexcept {
  auto& group = static_cast<group_core&>(*child.family);
  keep_error(group, child.error, &child);
  child.is_error_seen = true;
  cancel_group(group, nullptr);
}

static void note_end(fiber& child) noexcept {
  auto& group = static_cast<group_core&>(*std::exchange(child.family, nullptr));
  child.message.unlink();
  --group.size;
  if (!group.ordinary.empty()) return;
  if (group.is_waiting || is_cancelled(group.around)) cancel_all(group.daemons);
  if (group.is_waiting && group.daemons.empty()) {
    wake(*group.owner, wake_reason::completed);
  }
}

group_core::group_core() noexcept : fiber_parent{&detail::note_failure, &detail::note_end, true} {}

void join_group(group_core& group) {
  if (group.is_closed) return;
  require_open(group, "task_group::join()");
  loop_core& here = *running_loop();
  if (here.current != group.owner) {
    misuse("task_group::join() was called in " + describe(*here.current) + ", but " +
           describe(*group.owner) + " owns the group: only its body may join it");
  }
  throw_if_cancelled(here);
  if (group.ordinary.empty()) cancel_all(group.daemons);
  while (!is_done(group)) {
    if (await_children(here, group, is_cancel_deliverable(here)) == wake_reason::cancelled) {
      throw_cancelled(here);
    }
  }
  group.is_closed = true;
}

// After the body: what ended the wait for the children.
static bool await_rest(loop_core& here, group_core& group) noexcept {
  bool is_interrupted = false;
  if (group.ordinary.empty()) cancel_all(group.daemons);
  while (!is_done(group)) {
    if (!is_interrupted && is_cancel_due(here)) {
      is_interrupted = true;
      cancel_group(group, nullptr);
      continue;
    }
    const bool may_end = !is_interrupted && can_cancel_wait(here);
    if (await_children(here, group, may_end) == wake_reason::cancelled) {
      is_interrupted = true;
      cancel_group(group, nullptr);
    }
  }
  return is_interrupted;
}

bool close_group(group_core& group, std::exception_ptr error) {
  loop_core& here = *running_loop();
  fiber& self = *group.owner;
  bool is_own = false;     // the body's `cancelled` was thrown to this group
  bool is_cancel = false;  // it left by `cancelled`
  if (error != nullptr) {
    try {
      std::rethrow_exception(error);
    } catch (const cancelled&) {
      is_cancel = true;
      is_own = takes_cancelled(here, group.around);
    } catch (...) {
    }
    if (!is_cancel) keep_error(group, error, nullptr);
    if (!is_own) cancel_group(group, nullptr);
  }
  const bool is_interrupted = await_rest(here, group);
  group.is_closed = true;
  const bool was_cancelled = is_cancelled(group.around);
  leave_scope(here, group.around);
  if (!group.errors.empty()) {
    if (is_cancel) mark_arrived(self);  // it stays due: the next wait throws it anew
    throw exception_group(std::move(group.errors));
  }
  if (is_cancel && !is_own) std::rethrow_exception(error);
  if (is_interrupted) throw_if_cancelled(here);
  return is_cancel && was_cancelled;
}

namespace {

void visit_starting(const void* on, awaited_visitor& to) {
  to.visit(*static_cast<const start_room*>(on)->child);
}

constexpr wait_type start_wait{"task group start", ended_by::fibers, &visit_starting};

struct start_node : wait_node {
  start_room* room = nullptr;
};

// The child has ended without started(): note_started() takes the node out.
void wake_starter(wait_node& node, fiber&) noexcept {
  wake(*static_cast<start_node&>(node).room->waiting, wake_reason::completed);
}

}  // namespace

void require_unstarted(const start_room* room) {
  if (room == nullptr) {
    misuse("task_status::started() was called twice in " + describe(*running_loop()->current));
  }
}

void note_started(start_room& room) noexcept {
  room.is_started = true;
  adopt_child(*room.group, *room.child, false);
  wake(*room.waiting, wake_reason::completed);  // after this the room may be gone
}

void await_started(start_room& room, fiber& child) {
  loop_core& here = *room.group->owner->home;
  start_node ended;
  ended.room = &room;
  ended.notify = &wake_starter;
  room.child = &child;
  room.waiting = here.current;
  child.waiters.push_back(ended);
  start_fiber(here, child);
  bool is_cancelled = false;
  while (!room.is_started && child.state != fiber_state::done) {
    if (!is_cancelled && is_cancel_due(here)) {
      is_cancelled = true;
      cancel_fiber(child, {});
    }
    const bool may_end = !is_cancelled && can_cancel_wait(here);
    if (park(here, start_wait, &room, may_end) == wake_reason::cancelled) {
      is_cancelled = true;
      cancel_fiber(child, {});
    }
  }
  if (ended.is_linked()) ended.unlink();
  if (is_cancelled) throw_if_cancelled(here);
  if (room.is_started) return;
  if (child.outcome == fiber_outcome::error) {
    child.is_error_seen = true;
    std::rethrow_exception(child.error);
  }
  if (child.outcome == fiber_outcome::cancelled) throw_task_cancelled(child);
  misuse(describe(child) + ", given to task_group::start(), returned without a call of started()");
}

void throw_no_result() {
  throw task_cancelled("weft: a task group was cancelled before its body returned its result");
}

}  // namespace detail
WEFT_NAMESPACE_END
