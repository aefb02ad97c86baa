// SPDX-License-Identifier: BSL-1.0
// See weft/socket.hpp.
#include "weft/socket.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "../loop/shared_watch.hpp"
#include "call_when_ready.hpp"
#include "socket_calls.hpp"
#include "weft/this_fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

endpoint ask_for_endpoint(long call, int fd) {
  endpoint found;
  socklen_t bytes = endpoint::capacity();
  const long result = fd < 0 ? -EBADF : raw_syscall(call, fd, found.data(), &bytes);
  if (result < 0) {
    throw std::system_error(static_cast<int>(-result), std::system_category(),
                            std::string("weft: asking for ") +
                                (call == SYS_getsockname ? "the address of " : "the peer of ") +
                                (fd >= 0 ? "descriptor " + std::to_string(fd)
                                         : std::string("a descriptor that is closed")));
  }
  found.set_size(bytes);
  return found;
}

long connect_and_wait(int fd, const endpoint& to) {
  long result = raw_syscall(SYS_connect, fd, to.data(), to.size());
  // A Unix listener's backlog is full, and no event tells when it is not: man 2 connect, EAGAIN. Of
  // another family it is an error, which may last.
  const bool is_local = to.family() == address_family::local;
  for (duration pause = std::chrono::milliseconds(1); is_local && result == -EAGAIN;) {
    await_sleep(pause);
    pause = std::min<duration>(2 * pause, std::chrono::milliseconds(50));
    result = raw_syscall(SYS_connect, fd, to.data(), to.size());
  }
  if (result != -EINPROGRESS && result != -EINTR) return result;
  const int happened = wait_for_descriptor(fd, POLLOUT, time_point::max());
  if (happened < 0) return happened;
  int error = 0;
  socklen_t bytes = sizeof error;
  const long unasked = raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_ERROR, &error, &bytes);
  return unasked < 0 ? unasked : -error;
}

}  // namespace detail

namespace {

// Errors of the connection, not of the listener, and what a firewall says: man 2 accept.
bool is_about_one_connection(long result) noexcept {
  switch (-result) {
    case ECONNABORTED:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH:
      return true;
    default:
      return false;
  }
}

}  // namespace

stream_socket::stream_socket(int fd) : file_descriptor(fd) {
  int type = 0;
  socklen_t bytes = sizeof type;
  const long result = detail::raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &bytes);
  if (result == 0 && type == SOCK_STREAM) return;
  release();  // stays the caller's: the constructor throws
  fail(result < 0 ? result : -EPROTOTYPE, "taking over as a stream");
}

void stream_socket::shutdown_write() {
  const long result = detail::raw_syscall(SYS_shutdown, native_handle(), SHUT_WR);
  if (result < 0) fail(result, "shutting down the writing side of");
}

void stream_socket::shutdown_read() {
  const long result = detail::raw_syscall(SYS_shutdown, native_handle(), SHUT_RD);
  if (result < 0) fail(result, "shutting down the reading side of");
}

endpoint stream_socket::local_endpoint() const {
  return detail::ask_for_endpoint(SYS_getsockname, native_handle());
}
endpoint stream_socket::remote_endpoint() const {
  return detail::ask_for_endpoint(SYS_getpeername, native_handle());
}

void stream_socket::set_send_buffer(std::size_t bytes) {
  const long result = detail::set_buffer(native_handle(), SO_SNDBUF, bytes);
  if (result < 0) fail(result, "setting the send buffer of");
}
void stream_socket::set_receive_buffer(std::size_t bytes) {
  const long result = detail::set_buffer(native_handle(), SO_RCVBUF, bytes);
  if (result < 0) fail(result, "setting the receive buffer of");
}

endpoint stream_listener::local_endpoint() const {
  return detail::ask_for_endpoint(SYS_getsockname, native_handle());
}

bool stream_listener::is_shortage(const std::error_code& error) noexcept {
  if (error.category() != std::system_category()) return false;
  const int code = error.value();
  return code == EMFILE || code == ENFILE || code == ENOBUFS || code == ENOMEM || code == ENOSPC;
}

stream_listener::stream_listener(shared, stream_listener& with)
    : file_descriptor(with.another_number(), kind::other_socket) {
  if (with.watch_ == nullptr) with.watch_ = std::make_shared<detail::shared_watch>();
  watch_ = with.watch_;
}

// Tries first, as call_when_ready() does.
template <class F>
long stream_listener::accept_as_one_of_several(F&& take) {
  const std::shared_ptr<detail::shared_watch> all = watch_;  // the listener may go meanwhile
  detail::loop_core* const here = detail::fibers_loop();
  for (;;) {
    const long result = call_at_once(detail::direction::read, take);
    if (result >= 0) detail::spend_of(here);
    // EMFILE, say: the connection is still there, for whom it may be none.
    if (result < 0 && result != -EAGAIN) all->pass_on();
    if (result != -EAGAIN) return result;
    const int fd = native_handle();
    const int refused = here != nullptr
                            ? detail::wait_for_shared(detail::whole(*here), fd, use_id(), *all)
                            : detail::block_for_descriptor(fd, POLLIN, time_point::max());
    if (refused < 0) return refused;
  }
}

long stream_listener::accept_once(endpoint* peer) {
  for (;;) {
    socklen_t bytes = endpoint::capacity();
    const auto take = [&](detail::descriptor_slot*) {
      return detail::raw_syscall(SYS_accept4, native_handle(),
                                 peer != nullptr ? peer->data() : nullptr,
                                 peer != nullptr ? &bytes : nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    };
    const long result = watch_ != nullptr ? accept_as_one_of_several(take)
                                          : call_when_ready(detail::direction::read, take);
    if (result >= 0 && peer != nullptr) peer->set_size(bytes);
    if (result >= 0 || !is_about_one_connection(result)) return result;
  }
}

WEFT_NAMESPACE_END
