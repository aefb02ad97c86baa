// SPDX-License-Identifier: BSL-1.0
// What a task's handle does, on the task's own loop or, by message, from elsewhere.
#include "weft/task.hpp"

#include <exception>
#include <string>

#include "../base/syscalls.hpp"
#include "../loop/loop.hpp"
#include "../loop/placement.hpp"
#include "remote.hpp"
#include "weft/detail/check.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Where a handle stands relative to its task's loop.
enum class standing { home, elsewhere, loop_stands_still, loop_has_ended, in_parent_process };

standing where(const fiber& record) noexcept {
  const shared_side* const side = side_of(record);
  if (side != nullptr && side->is_of_parent()) return standing::in_parent_process;
  loop_core* const here = running_loop();
  if (here != nullptr && is_of(*here, record)) return standing::home;
  if (side == nullptr) return standing::elsewhere;  // no loop has it yet: remote.cpp knows
  if (side->has_ended()) return standing::loop_has_ended;
  const bool is_own_thread = side->thread == this_thread();
  return is_own_thread ? standing::loop_stands_still : standing::elsewhere;
}

fiber& require(fiber* record, const char* call) {
  if (record == nullptr) {
    misuse(std::string("task::") + call +
           " was called on an empty handle (default-constructed, moved from or detached)");
  }
  return *record;
}

std::string with_site(const fiber& f) {
  return describe(f) + " (spawned at " + describe(f.site) + ")";
}

void report_dropped(const fiber& f) noexcept {
  if (chooser_here() != nullptr) return;  // in one order of many, on purpose
  try {
    send_report("weft: " + with_site(f) +
                " was dropped before it ran: its task was destroyed at once, so its body never "
                "runs. Keep the task and get() or join() it, or detach() it.");
  } catch (...) {
    send_report("weft: a task was dropped before it ran, and there was no memory to name it.");
  }
}

[[noreturn]] void refuse(const fiber& record, const char* call) {
  misuse(refusal_in_child(*side_of(record),
                          std::string("task::") + call + " was called for " + describe(record)));
}

// In a child of fork(), without its handle: it is not ended, its frame may not be left.
void leave_alone(const fiber& record) noexcept { side_of(record)->owner->has_left_task = true; }

// The end of an ended record's life with its handle, on the handle's own stack.
void finish_with(fiber& record, bool is_remote) noexcept {
  discard_unseen(record, "was not awaited");
  if (is_remote) {
    remote_free(record);
  } else {
    free_record(record);
  }
}

// The loop belongs to this thread but does not run: nobody else could end the task.
void drive_to_the_end(fiber& record) noexcept {
  loop& here = *side_of(record)->owner;
  if (running_loop() != nullptr) {
    fatal("the task of " + with_site(record) +
          " was destroyed inside another loop while its own loop, which belongs to the same "
          "thread, stands still: close its runner first.");
  }
  here.enter("~task()");
  cancel_fiber(record, {});
  join_noexcept(here, record);
  here.leave();
}

// The host of a guest may have made something ready between two steps: it is to step again.
void tell_host(const fiber& record) noexcept { side_of(record)->box.wake_sleeper(); }

void start_callback(wait_node& node, fiber& ended) noexcept {
  start_fiber(*ended.home, *node.owner);
}

}  // namespace

void task_base::close_slowly() noexcept {
  fiber& record = *std::exchange(record_, nullptr);
  switch (where(record)) {
    case standing::home: {
      loop_core& here = *running_loop();
      if (&record == here.current) {  // a task that destroys its own handle
        record.has_handle = false;
        return;
      }
      if (record.state == fiber_state::fresh && (record.attention & attention_cancel) == 0 &&
          here.eh->uncaught == 0) {
        report_dropped(record);
      }
      cancel_fiber(record, {});
      join_noexcept(here, record);
      finish_with(record, false);
      return;
    }
    case standing::elsewhere:
      if (!record.has_ended.load(std::memory_order_acquire)) remote_cancel_and_join(record);
      finish_with(record, true);
      return;
    case standing::loop_stands_still:
      if (record.state != fiber_state::done) drive_to_the_end(record);
      finish_with(record, false);
      return;
    case standing::loop_has_ended:
      finish_with(record, true);
      return;
    case standing::in_parent_process:
      leave_alone(record);
      return;
  }
}

void task_base::let_go() noexcept {
  fiber& record = *std::exchange(record_, nullptr);
  switch (where(record)) {
    case standing::home:
    case standing::loop_stands_still:
      if (record.state == fiber_state::done) {
        finish_with(record, false);
      } else {
        record.has_handle = false;
      }
      return;
    case standing::elsewhere:
      try {
        remote_detach(record);
      } catch (...) {  // no memory for the message: wait instead
        remote_join_noexcept(record);
        finish_with(record, true);
      }
      return;
    case standing::loop_has_ended:
      finish_with(record, true);
      return;
    case standing::in_parent_process:
      leave_alone(record);
      return;
  }
}

void task_base::join() {
  fiber& record = require(record_, "join()");
  switch (where(record)) {
    case standing::home: {
      loop_core& here = *running_loop();
      if (&record == here.current) {
        misuse(describe(record) + " waits for its own end: a task cannot join itself");
      }
      join_fiber(here, record);
      return;
    }
    case standing::elsewhere:
      if (!record.has_ended.load(std::memory_order_acquire)) remote_join(record);
      return;
    case standing::loop_stands_still:
      if (record.state != fiber_state::done) {
        const bool is_guest = side_of(record)->owner->is_guest();
        misuse(describe(record) + " cannot end while its loop stands still: wait for it inside " +
               (is_guest ? "the loop, or let the host go on with runner::step() until it is done()"
                         : "runner::run()"));
      }
      return;
    case standing::loop_has_ended:
      return;
    case standing::in_parent_process:
      if (!record.has_ended.load(std::memory_order_acquire)) refuse(record, "join()");
      return;
  }
}

void task_base::join_for_value_slowly() {
  fiber& record = require(record_, "get()");
  if (record.is_result_taken)
    misuse("task::get() was called twice on " + describe(record) +
           ": the first call took the result");
  join();
  if (record.outcome == fiber_outcome::error) {
    record.is_error_seen = true;
    std::rethrow_exception(record.error);
  }
  if (record.outcome == fiber_outcome::cancelled) throw_task_cancelled(record);
}

void throw_task_cancelled(const fiber& record) {
  std::string text = "weft: " + describe(record) + " was cancelled";
  if (record.bag && record.bag->cancel_reason) text += ": " + *record.bag->cancel_reason;
  throw task_cancelled(text);
}

bool task_base::join_until(time_point deadline) {
  fiber& record = require(record_, "join_until()");
  const standing place = where(record);
  if (place == standing::home && record.state != fiber_state::done &&
      &record != running_loop()->current) {
    return join_fiber_until(*running_loop(), record, deadline);
  }
  if (place == standing::elsewhere && !record.has_ended.load(std::memory_order_acquire)) {
    return remote_join(record, deadline);
  }
  join();
  return true;
}

bool task_base::cancel(std::string_view reason) {
  fiber& record = require(record_, "cancel()");
  switch (where(record)) {
    case standing::home:
      return cancel_fiber(record, reason);
    case standing::loop_stands_still: {
      const bool was_cancelled = cancel_fiber(record, reason);
      tell_host(record);
      return was_cancelled;
    }
    case standing::elsewhere:
      if (record.has_ended.load(std::memory_order_acquire)) return false;
      remote_cancel(record, reason);
      return true;
    case standing::loop_has_ended:
      break;
    case standing::in_parent_process:
      if (!record.has_ended.load(std::memory_order_acquire)) refuse(record, "cancel()");
      break;
  }
  return false;
}

bool task_base::done() const {
  const fiber& record = require(record_, "done()");
  note_looked_at(record);
  return record.has_ended.load(std::memory_order_acquire);
}

bool task_base::was_cancelled() const {
  const fiber& record = require(record_, "was_cancelled()");
  note_looked_at(record);
  return record.has_ended.load(std::memory_order_acquire) &&
         record.outcome == fiber_outcome::cancelled;
}

std::exception_ptr task_base::exception() const {
  fiber& record = require(record_, "exception()");
  note_looked_at(record);
  if (!record.has_ended.load(std::memory_order_acquire)) return nullptr;
  if (record.outcome == fiber_outcome::error) record.is_error_seen = true;
  return record.error;
}

void task_base::detach() {
  fiber& record = require(record_, "detach()");
  bool runs_on = false;
  bool is_remote = true;
  switch (where(record)) {
    case standing::home:
    case standing::loop_stands_still:
      is_remote = false;
      runs_on = record.state != fiber_state::done;
      if (runs_on) {
        record.has_handle = false;
      }
      break;
    case standing::elsewhere:
      remote_detach(record);  // throws before it takes the record
      record_ = nullptr;
      return;
    case standing::loop_has_ended:
      break;
    case standing::in_parent_process:
      refuse(record, "detach()");
  }
  record_ = nullptr;
  if (!runs_on) finish_with(record, is_remote);
}

fiber_id task_base::id() const {
  const fiber& record = require(record_, "id()");
  return fiber_id{side_of(record) != nullptr ? record.id : 0};
}

std::string_view task_base::name() const { return name_of(require(record_, "name()")); }

fiber& task_base::new_callback() const {
  const fiber& record = require(record_, "on_done()");
  const standing place = where(record);
  if (place == standing::in_parent_process) refuse(record, "on_done()");
  const bool is_home = place == standing::home || place == standing::loop_stands_still;
  fiber& callback = new_fiber(is_home ? record.home : nullptr, {0, record.site});
  const loop_core* const here = running_loop();
  if (!is_home && here != nullptr) inherit_locals(callback, *here->current);
  callback.is_callback = true;
  return callback;
}

void task_base::start_after(fiber& callback) {
  fiber& record = *record_;
  note_looked_at(record);
  if (!callback.is_pooled) {
    if (!remote_start_after(record, callback)) {
      throw closed_error("weft: on_done() was called after the task's loop had ended");
    }
  } else if (record.state == fiber_state::done) {
    start_fiber(*record.home, callback);
    tell_host(record);
  } else {
    callback.node.notify = &start_callback;
    record.waiters.push_back(callback.node);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
