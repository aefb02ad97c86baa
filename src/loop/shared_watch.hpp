// SPDX-License-Identifier: BSL-1.0
// One listening socket that several loops watch, each by a descriptor of its own (a dup): what
// comes wakes one of those that sleep, the one that has waited longest. Layer: loop.
//
// Some facts about EPOLLEXCLUSIVE (epoll_ctl(2); Linux 4.5):
// - An event goes round the loops' registrations in the order in which they were made, and stops at
//   the first whose loop sleeps in epoll_wait. Loops that are busy are passed by, and find it there
//   when they look.
// - It cannot be changed, nor be one-shot, and takes only readable and writable.
// - A loop that was woken and takes nothing has eaten the event: the others sleep on.
// What this means here: a loop is registered only while a fiber waits, so that its next wait stands
// behind the others' and a full server is not asked at all; and who leaves with empty hands has the
// longest waiter registered anew, which makes the kernel look again.
#pragma once

#include <cstdint>
#include <mutex>

#include "weft/detail/config.hpp"
#include "weft/detail/list.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;
class poller;

class shared_watch;

// One loop's wait; lies in the waiting fiber's frame, and its slot finds it.
struct shared_watch_member : list_node {
  shared_watch_member(shared_watch& all, poller& with, int number, std::uint32_t use) noexcept
      : of(all), kernel(with), fd(number), id(use) {}

  shared_watch& of;
  poller& kernel;
  int fd;
  std::uint32_t id;
};

class shared_watch {
 public:
  using member = shared_watch_member;

  shared_watch() = default;
  ~shared_watch();  // asserts that nobody waits
  shared_watch(const shared_watch&) = delete;
  shared_watch& operator=(const shared_watch&) = delete;

  // Registers one behind the others; 0, or -errno, and then it waits for nothing.
  long enter(member& one) noexcept;

  // Takes it back; after it, no other thread touches the loop or the descriptor. Again: nothing.
  void leave(member& one) noexcept;

  // Has the kernel look whether there is something for the longest waiter: for who was woken and
  // does not take it.  Calls from: any thread.
  void pass_on() noexcept;

 private:
  std::mutex guard_;  // no spin lock: system calls stand under it, but no wait
  list waiting_;      // guarded by guard_; the longest waiter first
};

// Parks the running fiber until the descriptor may be readable. 0, or -errno as wait_for_owned();
// then it has passed on what it may have been woken for.
int wait_for_shared(loop& here, int fd, std::uint32_t id, shared_watch& all);

}  // namespace detail
WEFT_NAMESPACE_END
