// SPDX-License-Identifier: BSL-1.0
// See weft/tcp.hpp. Connecting to a name: happy_eyeballs.cpp.
#include "weft/tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>

#include "socket_calls.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

// A new socket that is closed unless it is kept.
struct fresh_socket {
  explicit fresh_socket(long result) noexcept : fd(static_cast<int>(result)) {}
  ~fresh_socket() {
    if (fd >= 0) detail::raw_syscall(SYS_close, fd);
  }
  fresh_socket(const fresh_socket&) = delete;
  fresh_socket& operator=(const fresh_socket&) = delete;
  int keep() noexcept {
    const int kept = fd;
    fd = -1;
    return kept;
  }

  int fd;
};

// TCP may connect a socket to itself, where nobody listens and the system chose that very port to
// start from. Source: RFC 9293, 3.5, simultaneous open; Go's net package looks for it, too.
bool is_own_port(int fd, const endpoint& to) noexcept {
  endpoint own;
  socklen_t bytes = endpoint::capacity();
  if (detail::raw_syscall(SYS_getsockname, fd, own.data(), &bytes) < 0) return false;
  own.set_size(bytes);
  return own == to;
}

// A connected socket, or -errno.
long connect_to(const endpoint& to, const connect_options& how) {
  fresh_socket one(detail::new_socket(detail::raw_family(to), SOCK_STREAM));
  if (one.fd < 0) return one.fd;
  if (how.nodelay) detail::set_option(one.fd, IPPROTO_TCP, TCP_NODELAY, 1);
  if (how.from.family() != address_family::unspecified) {
    const long result = detail::bind_to(one.fd, how.from);
    if (result < 0) return result;
  }
  const long result = detail::connect_and_wait(one.fd, to);
  if (result < 0) return result;
  if (is_own_port(one.fd, to)) return -ECONNREFUSED;
  return one.keep();
}

// A listening socket, or -errno.
long listen_at(const endpoint& at, const listen_options& how) noexcept {
  fresh_socket one(detail::new_socket(detail::raw_family(at), SOCK_STREAM));
  if (one.fd < 0) return one.fd;
  // Connections inherit it, for one system call less each.
  if (how.nodelay) detail::set_option(one.fd, IPPROTO_TCP, TCP_NODELAY, 1);
  long result = detail::set_option(one.fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (result == 0 && how.reuse_port) {
    result = detail::set_option(one.fd, SOL_SOCKET, SO_REUSEPORT, 1);
  }
  if (result == 0 && at.family() == address_family::ipv6) {
    result = detail::set_option(one.fd, IPPROTO_IPV6, IPV6_V6ONLY, how.v6_only ? 1 : 0);
  }
  if (result == 0) result = detail::bind_to(one.fd, at);
  if (result == 0) result = detail::raw_syscall(SYS_listen, one.fd, how.backlog);
  return result < 0 ? result : one.keep();
}

int seconds_of(duration span) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  return static_cast<int>(std::clamp<std::int64_t>(seconds, 1, 32767));  // tcp(7)
}

}  // namespace

tcp_stream tcp_stream::connect(const endpoint& to, const connect_options& how) {
  const long result = connect_to(to, how);
  if (result < 0) detail::throw_about(result, "connecting to", to);
  return tcp_stream(connected(), static_cast<int>(result));
}

tcp_stream tcp_stream::connect(const endpoint& to, std::error_code& error,
                               const connect_options& how) {
  const long result = connect_to(to, how);
  error.assign(result < 0 ? static_cast<int>(-result) : 0, std::system_category());
  return result < 0 ? tcp_stream() : tcp_stream(connected(), static_cast<int>(result));
}

void tcp_stream::set_nodelay(bool is_on) {
  const long result = detail::set_option(native_handle(), IPPROTO_TCP, TCP_NODELAY, is_on ? 1 : 0);
  if (result < 0) fail(result, "setting TCP_NODELAY of");
}

void tcp_stream::set_keepalive(bool is_on, duration idle, duration interval, int probes) {
  const int fd = native_handle();
  long result = detail::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, is_on ? 1 : 0);
  if (result == 0 && is_on) {
    result = detail::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(idle));
    if (result == 0) {
      result = detail::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds_of(interval));
    }
    if (result == 0) result = detail::set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, probes);
  }
  if (result < 0) fail(result, "setting the keepalive of");
}

tcp_listener tcp_listener::bind(const endpoint& at, const listen_options& how) {
  const long result = listen_at(at, how);
  if (result < 0) detail::throw_about(result, "listening at", at);
  return tcp_listener(static_cast<int>(result));
}

tcp_stream tcp_listener::accept(endpoint* peer) {
  const long result = accept_once(peer);
  if (result < 0) fail(result, "taking in a connection at");
  return tcp_stream(tcp_stream::connected(), static_cast<int>(result));
}

tcp_stream tcp_listener::accept(std::error_code& error, endpoint* peer) {
  const long result = accept_once(peer);
  error.assign(result < 0 ? static_cast<int>(-result) : 0, std::system_category());
  return result < 0 ? tcp_stream() : tcp_stream(tcp_stream::connected(), static_cast<int>(result));
}

WEFT_NAMESPACE_END
