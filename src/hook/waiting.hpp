// SPDX-License-Identifier: BSL-1.0
// How a call on a descriptor waits: try without waiting, and only where the kernel says EAGAIN ask
// what the program wants of this descriptor, park, and try again. Layer: hook.
//
// Nothing is kept about descriptors: O_NONBLOCK and the timeouts lie in the open file description,
// which dup, fork and other processes share, and numbers come from calls that nobody sees.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <cerrno>

#include "../base/syscalls.hpp"
#include "../loop/descriptor_wait.hpp"
#include "gate.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {

using detail::raw_syscall;

// The call is to be made as the C library makes it, and may block: nothing else can be done.
inline constexpr long must_call_plainly = -100'000;

inline bool is_nonblocking(int fd) noexcept {
  const long flags = raw_syscall(SYS_fcntl, fd, F_GETFL, 0);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

// A C library's span, held to what a duration can say.
constexpr duration span_of(long seconds, long nanoseconds) noexcept {
  if (seconds >= 9'000'000'000) return duration::max();
  return std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds);
}

// When the call is to give up, by SO_RCVTIMEO or SO_SNDTIMEO; max() if never, or it is no socket.
inline time_point socket_deadline(loop& here, int fd, int option) noexcept {
  timeval span{};
  socklen_t bytes = sizeof span;
  const long refused = raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, option, &span, &bytes);
  if (refused < 0 || (span.tv_sec == 0 && span.tv_usec == 0)) return time_point::max();
  return detail::saturating_add(here.time->now(), span_of(span.tv_sec, span.tv_usec * 1000));
}

// The waits of one call: what it wants of the descriptor is asked once, before the first.
class call_waits {
 public:
  call_waits(loop& here, function_id id, int fd, short events) noexcept
      : here_(here), id_(id), fd_(fd), events_(events) {}

  // 0: try again. Else how the call ends: -EAGAIN if the program wants no wait or its timeout is
  // over, -EINTR, -ECANCELED, -EBADF; must_call_plainly.
  WEFT_NOINLINE long wait() noexcept {
    if (!is_asked_) {
      is_asked_ = true;
      if (is_nonblocking(fd_)) return -EAGAIN;
      deadline_ = socket_deadline(here_, fd_, events_ == POLLIN ? SO_RCVTIMEO : SO_SNDTIMEO);
    }
    if (WEFT_UNLIKELY(must_block(here_))) {
      const int happened = detail::block_for_descriptor(fd_, events_, deadline_);
      return happened > 0 ? 0 : happened == 0 ? -EAGAIN : happened;
    }
    if (has_waited_) {
      const int now = detail::ask_for_descriptor(fd_, events_);
      if (now != 0) return doubt(now);
    }
    has_waited_ = true;
    count(tally_of(id_).waits);
    const int happened = detail::wait_hooked(here_, fd_, events_, deadline_);
    if (happened > 0) return 0;
    if (happened == 0) return -EAGAIN;
    // Always ready, to epoll, and yet not ready: or the kernel has no room to watch it.
    return happened == -EPERM || happened == -ENOSPC || happened == -EINVAL ? must_call_plainly
                                                                            : happened;
  }

 private:
  static constexpr int most_doubts = 3;

  // The call has waited, said EAGAIN again, and poll(2) says that it would not wait. Mostly
  // somebody else was faster. But a datagram socket that was shut down gives its end only to a call
  // that may wait; one that is not connected is writable, while its peer has no room; and an error
  // queue is told of until it is read. No event comes for those: time must pass.
  WEFT_NOINLINE long doubt(int now) noexcept {
    if (now < 0) return now;
    if (++doubts_ < most_doubts) return 0;
    if ((now & events_ & POLLIN) != 0) return must_call_plainly;
    if (here_.time->now() >= deadline_) return -EAGAIN;
    const auto soon = detail::saturating_add(here_.time->now(), std::chrono::milliseconds(1));
    return detail::sleep_hooked(here_, std::min(soon, deadline_));
  }

  loop& here_;
  const function_id id_;
  const int fd_;
  const short events_;
  bool is_asked_ = false;
  bool has_waited_ = false;
  int doubts_ = 0;
  time_point deadline_ = time_point::max();
};

// Calls attempt() until it says something else than -EAGAIN, or the wait ends otherwise.
template <class F>
long call_when_ready(loop& here, function_id id, int fd, short events, F&& attempt) {
  call_waits waits(here, id, fd, events);
  for (;;) {
    const long result = attempt();
    if (WEFT_LIKELY(result != -EAGAIN)) {
      spend(here);
      return result;
    }
    const long end = waits.wait();
    if (end != 0) return end;
  }
}

// The descriptor is set non-blocking for one call that has no flag for that. Another process, or
// thread, that uses the same open file description at this moment sees it, too.
class nonblocking_for_now {
 public:
  explicit nonblocking_for_now(int fd) noexcept
      : fd_(fd), flags_(raw_syscall(SYS_fcntl, fd, F_GETFL, 0)) {
    if (flags_ >= 0 && (flags_ & O_NONBLOCK) == 0) {
      raw_syscall(SYS_fcntl, fd_, F_SETFL, flags_ | O_NONBLOCK);
      is_ours_ = true;
    }
  }
  ~nonblocking_for_now() {
    if (is_ours_) raw_syscall(SYS_fcntl, fd_, F_SETFL, flags_);
  }
  nonblocking_for_now(const nonblocking_for_now&) = delete;
  nonblocking_for_now& operator=(const nonblocking_for_now&) = delete;

 private:
  const int fd_;
  const long flags_;
  bool is_ours_ = false;
};

// A moment `span` from now.
inline time_point deadline_in(loop& here, const timespec& span) noexcept {
  return detail::saturating_add(here.time->now(), span_of(span.tv_sec, span.tv_nsec));
}
inline bool is_valid(const timespec& span) noexcept {
  return span.tv_sec >= 0 && span.tv_nsec >= 0 && span.tv_nsec < 1'000'000'000;
}

}  // namespace hook
WEFT_NAMESPACE_END
