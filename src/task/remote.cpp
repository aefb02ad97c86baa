// SPDX-License-Identifier: BSL-1.0
// The messages between a handle on one thread and a task on another. A request lives on its
// sender's stack; the sender does not leave before the task's loop is done with it.
#include "remote.hpp"

#include <memory>
#include <string>

#include "../base/syscalls.hpp"
#include "../loop/loop.hpp"
#include "weft/detail/payload.hpp"
#include "weft/detail/waker.hpp"
#include "weft/errors.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type remote_join_wait{"join (another loop)", ended_by::threads};

// The inbox is closed, so every fiber of that loop has ended; the loop says so in a moment.
void await_loop_end(const shared_side& side) noexcept {
  while (!side.has_ended()) raw_syscall(SYS_sched_yield);
}

class join_request {
 public:
  join_request(fiber& target, bool is_cancel) noexcept : target_(target), is_cancel_(is_cancel) {
    arrive_.owner = leave_.owner = room_.request = this;
    arrive_.run = &on_arrive;
    leave_.run = &on_leave;
    room_.notify = &on_end;
  }

  // False if the loop has ended, and the task with it.
  bool send() noexcept {
    if (target_.shared->box.push(arrive_)) return true;
    await_loop_end(*target_.shared);
    return false;
  }

  wake_reason wait(bool is_cancellable, time_point deadline = time_point::max()) noexcept {
    return ended_.wait_until(deadline, is_cancellable, remote_join_wait);
  }

  // Takes the request back. True if the task ended meanwhile.
  bool withdraw() noexcept {
    if (!target_.shared->box.push(leave_)) {
      ended_.wait(remote_join_wait);
      return true;
    }
    left_.wait(remote_join_wait);
    if (!has_ended_) return false;
    ended_.wait(remote_join_wait);
    return true;
  }

 private:
  struct link : inbox_node {
    join_request* owner = nullptr;
  };
  struct place : wait_node {
    join_request* request = nullptr;
  };

  static void on_arrive(inbox_node& message, loop_core&) noexcept {
    join_request& request = *static_cast<link&>(message).owner;
    fiber& target = request.target_;
    if (target.state == fiber_state::done) {
      request.has_ended_ = true;
      request.ended_.signal();
      return;
    }
    target.waiters.push_back(request.room_);
    if (request.is_cancel_) cancel_fiber(target, {});
  }

  static void on_leave(inbox_node& message, loop_core&) noexcept {
    join_request& request = *static_cast<link&>(message).owner;
    if (request.room_.is_linked()) request.room_.unlink();
    request.left_.signal();
  }

  static void on_end(wait_node& node, fiber&) noexcept {
    join_request& request = *static_cast<place&>(node).request;
    request.has_ended_ = true;
    request.ended_.signal();
  }

  fiber& target_;
  bool is_cancel_;
  bool has_ended_ = false;  // written by the task's loop before a signal, read after it
  link arrive_;
  link leave_;
  place room_;
  waker ended_;
  waker left_;
};

struct cancel_message : inbox_node {
  fiber* target = nullptr;
  std::string reason;
};

void deliver_cancel(inbox_node& message, loop_core&) noexcept {
  const std::unique_ptr<cancel_message> owned(&static_cast<cancel_message&>(message));
  try {
    cancel_fiber(*owned->target, owned->reason);
  } catch (...) {  // no memory for the reason
    cancel_fiber(*owned->target, {});
  }
}

// Arrives as the record of a fiber that destroys the result, should the task have ended by then:
// that is user code and needs a stack of its own.
void deliver_detach(inbox_node& message, loop_core& here) noexcept {
  fiber& discarder = *static_cast<fiber_message&>(message).owner;
  auto& target = *const_cast<fiber*>(static_cast<const fiber*>(discarder.wait_on));
  if (target.state == fiber_state::done) {
    whole(here).adopt(discarder);
    return;
  }
  target.has_handle = false;
  abandon_fiber(discarder);
}

void deliver_free(inbox_node& message, loop_core&) noexcept {
  free_record(*static_cast<fiber_message&>(message).owner);
}

void adopt_callback(wait_node& node, fiber& ended) noexcept {
  whole(*ended.home).adopt(*node.owner);
}

void deliver_callback(inbox_node& message, loop_core& here) noexcept {
  fiber& callback = *static_cast<fiber_message&>(message).owner;
  auto& target = *const_cast<fiber*>(static_cast<const fiber*>(callback.wait_on));
  if (target.state == fiber_state::done) {
    whole(here).adopt(callback);
    return;
  }
  callback.node.notify = &adopt_callback;
  target.waiters.push_back(callback.node);
}

}  // namespace

bool remote_join(fiber& record, time_point deadline) {
  join_request request(record, false);
  loop_core* const here = running_loop();
  if (here != nullptr) throw_if_cancelled(*here);
  if (!request.send()) return true;
  const bool is_cancellable = here != nullptr && is_cancel_deliverable(*here);
  const wake_reason reason = request.wait(is_cancellable, deadline);
  if (reason == wake_reason::completed || request.withdraw()) return true;
  if (reason == wake_reason::timed_out) return false;
  throw_cancelled(*here);
}

void remote_cancel_and_join(fiber& record) noexcept {
  join_request request(record, true);
  if (request.send()) request.wait(false);
}

void remote_join_noexcept(fiber& record) noexcept {
  join_request request(record, false);
  if (request.send()) request.wait(false);
}

void remote_cancel(fiber& record, std::string_view reason) {
  auto message = std::make_unique<cancel_message>();
  message->run = &deliver_cancel;
  message->target = &record;
  message->reason = reason;
  if (record.shared->box.push(*message)) message.release();
}

void remote_detach(fiber& record) {
  fiber& discarder = new_fiber(nullptr, {});
  emplace_payload<void>(discarder, [target = &record] {
    discard_unseen(*target, "was detached");
    free_record(*target);
  });
  discarder.is_callback = true;
  discarder.wait_on = &record;
  discarder.message.run = &deliver_detach;
  if (record.shared->box.push(discarder.message)) return;
  abandon_fiber(discarder);
  await_loop_end(*record.shared);
  discard_unseen(record, "was detached");
  free_record(record);
}

void remote_free(fiber& record) noexcept {
  shared_side& side = *record.shared;
  if (!side.has_ended()) {
    record.message.run = &deliver_free;
    // The record keeps nothing alive once it is in: hold the inbox for the rest of push().
    side.add_ref();
    const bool is_sent = side.box.push(record.message);
    if (!is_sent) await_loop_end(side);
    side.drop_ref();
    if (is_sent) return;
  }
  free_record(record);
}

bool remote_start_after(fiber& record, fiber& callback) noexcept {
  callback.message.run = &deliver_callback;
  callback.wait_on = &record;
  return record.shared->box.push(callback.message);
}

}  // namespace detail
WEFT_NAMESPACE_END
