// SPDX-License-Identifier: BSL-1.0
// The one way to do a system call that may have to wait: try, or wait and try. Layer: io.
//
// What the kernel said last is kept with the descriptor ("maybe", see descriptor_table.hpp): a call
// that would only say EAGAIN is not made. Source: how Go's netpoll, Tokio and libuv do it; that a
// short read empties a stream socket is promised by epoll(7), Q9.
#pragma once

#include <poll.h>

#include <cerrno>
#include <cstddef>
#include <system_error>

#include "../loop/descriptor_table.hpp"
#include "../loop/descriptor_wait.hpp"
#include "../loop/loop.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/file_descriptor.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// The slot of a descriptor that the running loop has registered; nullptr if it has not.
inline descriptor_slot* registered_slot(loop_core* here, int fd, std::uint32_t id) noexcept {
  if (here == nullptr) return nullptr;
  descriptor_slot* const slot = whole(*here).kernel->descriptors.at(fd);
  return slot != nullptr && slot->id == id ? slot : nullptr;
}

// A TCP socket was ready for no more than was transferred: the next call waits at once. Not once
// the peer has closed, when the next call says so and no event will; nor where urgent data was
// seen, before which a read stops short.
inline void note_short(descriptor_slot* slot, direction way) noexcept {
  if (slot != nullptr && !slot->is_special) slot->maybe_for(way) = false;
}

// A result, or -errno, as who asked for an error_code is told it.
inline std::size_t told(long result, std::error_code& error) noexcept {
  if (result < 0) {
    error.assign(static_cast<int>(-result), std::system_category());
    return 0;
  }
  error.clear();
  return static_cast<std::size_t>(result);
}

}  // namespace detail

template <class F>
long file_descriptor::call_when_ready(detail::direction way, F&& call) {
  if (fd_ < 0) return -EBADF;
  detail::loop_core* const here = detail::fibers_loop();
  const int fd = fd_;
  const std::uint32_t id = id_;
  for (;;) {
    detail::descriptor_slot* const slot = detail::registered_slot(here, fd, id);
    if (slot == nullptr || slot->maybe_for(way)) {
      const long result = call(slot);
      if (result == -EINTR) continue;
      if (result != -EAGAIN) {
        detail::spend_of(here);
        return result;
      }
      if (slot != nullptr) slot->maybe_for(way) = false;
    }
    const int refused = here != nullptr ? detail::wait_for_owned(detail::whole(*here), fd, id, way)
                                        : detail::block_for_descriptor(
                                              fd, way == detail::direction::read ? POLLIN : POLLOUT,
                                              time_point::max());
    if (refused < 0) return refused;
  }
}

// The same for a descriptor that is not non-blocking: the kernel is asked before each call.
template <class F>
long file_descriptor::call_when_polled(detail::direction way, F&& call) {
  const short events = way == detail::direction::read ? POLLIN : POLLOUT;
  while (fd_ >= 0) {
    int happened = detail::ask_for_descriptor(fd_, events);
    if (happened == 0) happened = detail::wait_for_descriptor(fd_, events, time_point::max());
    if (happened < 0) return happened;
    const long result = call();
    detail::spend_of(detail::fibers_loop());
    if (result != -EINTR && result != -EAGAIN) return result;  // others may have been faster
  }
  return -EBADF;
}

// The same without a wait: -EAGAIN then is the result.
template <class F>
long file_descriptor::call_at_once(detail::direction way, F&& call) {
  if (fd_ < 0) return -EBADF;
  if (kind_ == kind::shared_file &&
      detail::ask_for_descriptor(fd_, way == detail::direction::read ? POLLIN : POLLOUT) == 0) {
    return -EAGAIN;
  }
  detail::descriptor_slot* const slot = detail::registered_slot(detail::fibers_loop(), fd_, id_);
  long result = 0;
  do {
    result = call(slot);
  } while (result == -EINTR);
  if (result == -EAGAIN && slot != nullptr) slot->maybe_for(way) = false;
  return result;
}

WEFT_NAMESPACE_END
