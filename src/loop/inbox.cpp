// SPDX-License-Identifier: BSL-1.0
// See inbox.hpp.
#include "inbox.hpp"

#include <sys/eventfd.h>

#include <cstdint>
#include <system_error>

#include "../base/syscalls.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

inbox::inbox() { renew(); }

inbox::~inbox() { abandon(); }

void inbox::abandon() noexcept {
  if (event_fd_ >= 0) raw_syscall(SYS_close, event_fd_);
  event_fd_ = -1;
}

void inbox::renew() {
  abandon();
  const long fd = raw_syscall(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) {
    throw std::system_error(static_cast<int>(-fd), std::system_category(),
                            "weft: a loop needs an eventfd, and the system refused it");
  }
  event_fd_ = static_cast<int>(fd);
}

inbox_node* inbox::closed() noexcept {
  static inbox_node marker;
  return &marker;
}

bool inbox::push(inbox_node& message) noexcept {
  inbox_node* seen = head_.load(std::memory_order_relaxed);
  do {
    if (seen == closed()) return false;
    message.next = seen;
  } while (!head_.compare_exchange_weak(seen, &message, std::memory_order_seq_cst,
                                        std::memory_order_relaxed));
  wake_sleeper();
  return true;
}

void inbox::wake_sleeper() noexcept {
  if (sleeping_.load(std::memory_order_seq_cst) &&
      sleeping_.exchange(false, std::memory_order_relaxed)) {
    ring(event_fd_);
  }
}

void inbox::drain(loop_core& here) noexcept {
  // relaxed look first: an exchange costs 20 ns, and mostly nothing is there
  if (head_.load(std::memory_order_relaxed) == nullptr) return;
  // acquire; pairs with the push, whose message we read
  list_node* newest = head_.exchange(nullptr, std::memory_order_acquire);
  if (newest == closed()) {
    head_.store(closed(), std::memory_order_relaxed);
    return;
  }
  list_node* oldest = nullptr;
  while (newest != nullptr) {
    list_node* const older = newest->next;
    newest->next = oldest;
    oldest = newest;
    newest = older;
    ++received_;
  }
  while (oldest != nullptr) {
    auto& message = static_cast<inbox_node&>(*oldest);
    oldest = oldest->next;
    message.next = nullptr;
    message.run(message, here);  // may free the message
  }
}

bool inbox::close_if_empty() noexcept {
  inbox_node* expected = nullptr;
  return head_.compare_exchange_strong(expected, closed(), std::memory_order_acq_rel) ||
         expected == closed();
}

void inbox::ring(int event_fd) noexcept {
  const std::uint64_t one = 1;
  while (raw_syscall(SYS_write, event_fd, &one, sizeof one) == -EINTR) {  // man 7 signal allows it
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
