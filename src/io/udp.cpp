// SPDX-License-Identifier: BSL-1.0
// See weft/udp.hpp.
#include "weft/udp.hpp"

#include <sys/uio.h>

#include <cerrno>

#include "call_when_ready.hpp"
#include "socket_calls.hpp"

WEFT_NAMESPACE_BEGIN

udp_socket udp_socket::bind(const endpoint& at, bool reuse_port) {
  const long fd = detail::new_socket(detail::raw_family(at), SOCK_DGRAM);
  if (fd < 0) detail::throw_about(fd, "receiving datagrams at", at);
  udp_socket made(static_cast<int>(fd));
  long result = 0;
  if (reuse_port) result = detail::set_option(static_cast<int>(fd), SOL_SOCKET, SO_REUSEPORT, 1);
  if (result == 0) result = detail::bind_to(static_cast<int>(fd), at);
  if (result < 0) detail::throw_about(result, "receiving datagrams at", at);
  return made;
}

void udp_socket::connect(const endpoint& to) {
  const long result = detail::raw_syscall(SYS_connect, native_handle(), to.data(), to.size());
  if (result < 0) detail::throw_about(result, "connecting datagrams to", to);
}

udp_socket::datagram udp_socket::receive_from(void* to, std::size_t size) {
  datagram came;
  iovec place{to, size};
  msghdr message{};
  message.msg_iov = &place;
  message.msg_iovlen = 1;
  message.msg_name = came.from.data();
  const int fd = native_handle();
  const long result = call_when_ready(detail::direction::read, [&](detail::descriptor_slot*) {
    message.msg_namelen = endpoint::capacity();
    return detail::raw_syscall(SYS_recvmsg, fd, &message, MSG_DONTWAIT);
  });
  if (result < 0) fail(result, "receiving a datagram at");
  came.size = static_cast<std::size_t>(result);
  came.from.set_size(message.msg_namelen);
  came.is_truncated = (message.msg_flags & MSG_TRUNC) != 0;
  return came;
}

void udp_socket::send_to(const endpoint& to, const void* from, std::size_t size) {
  const int fd = native_handle();
  const long result = call_when_ready(detail::direction::write, [&](detail::descriptor_slot*) {
    return detail::raw_syscall(SYS_sendto, fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL, to.data(),
                               to.size());
  });
  if (result < 0) detail::throw_about(result, "sending a datagram to", to);
}

void udp_socket::send(const void* from, std::size_t size) {
  const int fd = native_handle();
  const long result = call_when_ready(detail::direction::write, [&](detail::descriptor_slot*) {
    return detail::raw_syscall(SYS_sendto, fd, from, size, MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0);
  });
  if (result < 0) fail(result, "sending a datagram from");
}

endpoint udp_socket::remote_endpoint() const {
  return detail::ask_for_endpoint(SYS_getpeername, native_handle());
}

endpoint udp_socket::local_endpoint() const {
  return detail::ask_for_endpoint(SYS_getsockname, native_handle());
}

WEFT_NAMESPACE_END
