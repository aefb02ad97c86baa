// SPDX-License-Identifier: BSL-1.0
// How other threads reach a loop: a lock-free stack of messages, and an eventfd that is written
// only if the loop says that it sleeps. Layer: loop. Any thread pushes; the loop's thread drains.
//
// No wake-up is lost: the pusher writes the head, then reads `sleeping_`; the loop writes
// `sleeping_`, then reads the head. All four are sequentially consistent, so at least one of the
// two sees the other's write (Dekker). tests/stress/inbox.pml is this protocol as a model.
#pragma once

#include <atomic>
#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class inbox {
 public:
  inbox();  // Throws: std::system_error if the process has no descriptor left
  ~inbox();
  inbox(const inbox&) = delete;
  inbox& operator=(const inbox&) = delete;

  // Hands a message over; false, and the message stays the caller's, if the loop has ended.
  // Calls from: any thread that keeps the shared side alive meanwhile.
  bool push(inbox_node& message) noexcept;

  // Rings if the loop sleeps: the pusher's half of the protocol above, for whoever has written, in
  // sequential consistency, something else that the loop reads before it sleeps.
  void wake_sleeper() noexcept;

  // Runs what has arrived, in order of arrival, once.  Calls from: the loop's thread.
  void drain(loop_core& here) noexcept;

  // Messages that were run.  Calls from: the loop's thread.
  std::uint64_t received() const noexcept { return received_; }

  // seq_cst: the loop's half of the protocol above
  bool has_mail() const noexcept { return head_.load(std::memory_order_seq_cst) != nullptr; }
  // The same for who looks again and again: sees it a little later.
  bool may_have_mail() const noexcept { return head_.load(std::memory_order_relaxed) != nullptr; }
  void announce_sleep() noexcept { sleeping_.store(true, std::memory_order_seq_cst); }
  // relaxed: a pusher that still reads true writes the eventfd once too often, nothing more
  void cancel_sleep() noexcept { sleeping_.store(false, std::memory_order_relaxed); }

  // Refuses all later messages, if none is waiting now.  Calls from: the loop's thread.
  bool close_if_empty() noexcept;

  // Readable when the loop is to wake. Owned here: pushers may write it to the last.
  int event_fd() const noexcept { return event_fd_; }

  // In a child of fork(): lets go of the parent's descriptor, and gets another one.
  void abandon() noexcept;
  void renew();  // Throws: std::system_error

  // Makes event_fd() readable.  Calls from: any thread, signal handler.
  static void ring(int event_fd) noexcept;

 private:
  static inbox_node* closed() noexcept;

  std::atomic<inbox_node*> head_{nullptr};  // linked through next; newest first
  std::atomic<bool> sleeping_{false};
  int event_fd_ = -1;
  std::uint64_t received_ = 0;  // the loop's thread only
};

}  // namespace detail
WEFT_NAMESPACE_END
