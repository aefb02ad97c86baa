// SPDX-License-Identifier: BSL-1.0
// The messages between a handle on one thread and a task on another. A request lives on its
// sender's stack; the sender does not leave before the task's loop is done with it.
#include "remote.hpp"

#include <memory>
#include <new>
#include <string>

#include "../base/syscalls.hpp"
#include "../loop/loop.hpp"
#include "../loop/placement.hpp"
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
    if (const placement_hold hold{target_}) {
      wait_in_room();
      return true;
    }
    shared_side& side = *side_of(target_);
    if (side.box.push(arrive_)) return true;
    await_loop_end(side);
    return false;
  }

  wake_reason wait(bool is_cancellable, time_point deadline = time_point::max()) noexcept {
    return ended_.wait_until(deadline, is_cancellable, remote_join_wait);
  }

  // Takes the request back. True if the task ended meanwhile.
  bool withdraw() noexcept {
    if (const placement_hold hold{target_}) {
      room_.unlink();
      return false;
    }
    if (!side_of(target_)->box.push(leave_)) {
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
    request.wait_in_room();
  }

  void wait_in_room() noexcept {
    target_.waiters.push_back(room_);
    if (is_cancel_) cancel_fiber(target_, {});
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

void cancel_noexcept(fiber& target, std::string_view reason) noexcept {
  try {
    cancel_fiber(target, reason);
  } catch (...) {  // no memory for the reason
    cancel_fiber(target, {});
  }
}

void deliver_cancel(inbox_node& message, loop_core&) noexcept {
  const std::unique_ptr<cancel_message> owned(&static_cast<cancel_message&>(message));
  cancel_noexcept(*owned->target, owned->reason);
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

// A message for an ended record whose result is gone. Its own, if that is free: one from the heap
// stands with it in its loop's list, but has no use for its payload's place any more.
fiber_message& last_message_of(fiber& record) noexcept {
  if (record.is_pooled) return record.message;
  static_assert(sizeof(fiber_message) <= fiber::inline_bytes);
  auto* const message = ::new (static_cast<void*>(record.storage)) fiber_message;
  message->owner = &record;
  return *message;
}

void adopt_callback(wait_node& node, fiber& ended) noexcept {
  whole(*ended.home).adopt(*node.owner);
}

void let_wait(fiber& callback, fiber& target) noexcept {
  callback.node.notify = &adopt_callback;
  target.waiters.push_back(callback.node);
}

void deliver_callback(inbox_node& message, loop_core& here) noexcept {
  fiber& callback = *static_cast<fiber_message&>(message).owner;
  auto& target = *const_cast<fiber*>(static_cast<const fiber*>(callback.wait_on));
  if (target.state == fiber_state::done) {
    whole(here).adopt(callback);
    return;
  }
  let_wait(callback, target);
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
  if (const placement_hold hold{record}) {
    cancel_noexcept(record, reason);
    return;
  }
  auto message = std::make_unique<cancel_message>();
  message->run = &deliver_cancel;
  message->target = &record;
  message->reason = reason;
  if (side_of(record)->box.push(*message)) message.release();
}

void remote_detach(fiber& record) {
  if (const placement_hold hold{record}) {
    record.has_handle = false;
    return;
  }
  shared_side& side = *side_of(record);
  fiber& discarder = new_fiber(nullptr, {});
  emplace_payload<void>(discarder, [target = &record] {
    discard_unseen(*target, "was detached");
    free_record(*target);
  });
  discarder.is_callback = true;
  discarder.wait_on = &record;
  discarder.message.run = &deliver_detach;
  if (side.box.push(discarder.message)) return;
  abandon_fiber(discarder);
  await_loop_end(side);
  discard_unseen(record, "was detached");
  free_record(record);
}

void remote_free(fiber& record) noexcept {
  if (record.has_baggage) clean_record(record);  // an error's destructor is user code: not there
  shared_side& side = *side_of(record);
  if (!side.has_ended()) {
    fiber_message& message = last_message_of(record);
    message.run = &deliver_free;
    // The record keeps nothing alive once it is in: hold the inbox for the rest of push().
    side.add_ref();
    const bool is_sent = side.box.push(message);
    if (!is_sent) await_loop_end(side);
    side.drop_ref();
    if (is_sent) return;
  }
  free_record(record);
}

bool remote_start_after(fiber& record, fiber& callback) noexcept {
  if (const placement_hold hold{record}) {
    let_wait(callback, record);
    return true;
  }
  callback.message.run = &deliver_callback;
  callback.wait_on = &record;
  return side_of(record)->box.push(callback.message);
}

}  // namespace detail
WEFT_NAMESPACE_END
