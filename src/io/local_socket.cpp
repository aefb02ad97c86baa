// SPDX-License-Identifier: BSL-1.0
// See weft/local_socket.hpp.
#include "weft/local_socket.hpp"

#include <cerrno>

#include "socket_calls.hpp"

WEFT_NAMESPACE_BEGIN

unix_stream unix_stream::connect(const endpoint& to) {
  std::error_code error;
  unix_stream made = connect(to, error);
  if (error) detail::throw_about(-error.value(), "connecting to", to);
  return made;
}

unix_stream unix_stream::connect(const endpoint& to, std::error_code& error) {
  const long fd = detail::new_socket(AF_UNIX, SOCK_STREAM);
  unix_stream made;
  if (fd >= 0) made = unix_stream(connected(), static_cast<int>(fd));
  const long result = fd < 0 ? fd : detail::connect_and_wait(static_cast<int>(fd), to);
  error.assign(result < 0 ? static_cast<int>(-result) : 0, std::system_category());
  if (result < 0) made.close();
  return made;
}

std::pair<unix_stream, unix_stream> unix_stream::pair() {
  int fds[2] = {-1, -1};
  const long result = detail::raw_syscall(SYS_socketpair, AF_UNIX,
                                          SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds);
  if (result < 0) {
    throw std::system_error(static_cast<int>(-result), std::system_category(),
                            "weft: making a pair of sockets");
  }
  return {unix_stream(connected(), fds[0]), unix_stream(connected(), fds[1])};
}

unix_listener unix_listener::bind(const endpoint& at, int backlog) {
  const long fd = detail::new_socket(AF_UNIX, SOCK_STREAM);
  if (fd < 0) detail::throw_about(fd, "listening at", at);
  unix_listener made(static_cast<int>(fd));
  long result = detail::bind_to(static_cast<int>(fd), at);
  if (result == 0) result = detail::raw_syscall(SYS_listen, fd, backlog);
  if (result < 0) detail::throw_about(result, "listening at", at);
  return made;
}

unix_stream unix_listener::accept(endpoint* peer) {
  const long result = accept_once(peer);
  if (result < 0) fail(result, "taking in a connection at");
  return unix_stream(unix_stream::connected(), static_cast<int>(result));
}

unix_stream unix_listener::accept(std::error_code& error, endpoint* peer) {
  const long result = accept_once(peer);
  error.assign(result < 0 ? static_cast<int>(-result) : 0, std::system_category());
  if (result < 0) return {};
  return unix_stream(unix_stream::connected(), static_cast<int>(result));
}

WEFT_NAMESPACE_END
