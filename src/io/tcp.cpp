// SPDX-License-Identifier: BSL-1.0
// See weft/tcp.hpp. Connecting to a name: happy_eyeballs.cpp.
#include "weft/tcp.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "socket_calls.hpp"
#include "weft/resolve.hpp"

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

int seconds_of(duration span) noexcept {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(span).count();
  return static_cast<int>(std::clamp<std::int64_t>(seconds, 1, 32767));  // tcp(7)
}

// 0, or -errno.
long turn_keepalive_on(int fd, const keepalive_options& how) noexcept {
  long result = detail::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
  if (result == 0) {
    result = detail::set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, seconds_of(how.idle));
  }
  if (result == 0) {
    result = detail::set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, seconds_of(how.interval));
  }
  if (result == 0) result = detail::set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, how.probes);
  return result;
}

// What must be said before connect() or listen(): the window's scale follows from the receive
// buffer (tcp(7)), and connections inherit all of it from their listener, for one system call less
// each. 0, or -errno.
template <class Options>
long prepare(int fd, const Options& how) noexcept {
  if (how.nodelay) detail::set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
  long result = 0;
  if (how.send_buffer_bytes != 0) {
    result = detail::set_buffer(fd, SO_SNDBUF, how.send_buffer_bytes);
  }
  if (result == 0 && how.receive_buffer_bytes != 0) {
    result = detail::set_buffer(fd, SO_RCVBUF, how.receive_buffer_bytes);
  }
  if (result == 0 && how.keepalive) result = turn_keepalive_on(fd, *how.keepalive);
  return result;
}

// A connected socket, or -errno.
long connect_to(const endpoint& to, const connect_options& how) {
  fresh_socket one(detail::new_socket(detail::raw_family(to), SOCK_STREAM));
  if (one.fd < 0) return one.fd;
  long result = prepare(one.fd, how);
  if (result == 0 && how.from.family() != address_family::unspecified) {
    result = detail::bind_to(one.fd, how.from);
  }
  if (result == 0) result = detail::connect_and_wait(one.fd, to);
  if (result < 0) return result;
  if (is_own_port(one.fd, to)) return -ECONNREFUSED;
  return one.keep();
}

// A listening socket, or -errno.
long listen_at(const endpoint& at, const listen_options& how) noexcept {
  fresh_socket one(detail::new_socket(detail::raw_family(at), SOCK_STREAM));
  if (one.fd < 0) return one.fd;
  long result = detail::set_option(one.fd, SOL_SOCKET, SO_REUSEADDR, 1);
  if (result == 0 && how.reuse_port) {
    result = detail::set_option(one.fd, SOL_SOCKET, SO_REUSEPORT, 1);
  }
  if (result == 0 && at.family() == address_family::ipv6) {
    result = detail::set_option(one.fd, IPPROTO_IPV6, IPV6_V6ONLY, how.v6_only ? 1 : 0);
  }
  if (result == 0) result = prepare(one.fd, how);
  if (result == 0) result = detail::bind_to(one.fd, at);
  if (result == 0) result = detail::raw_syscall(SYS_listen, one.fd, how.backlog);
  return result < 0 ? result : one.keep();
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
  const long result = is_on ? turn_keepalive_on(fd, {idle, interval, probes})
                            : detail::set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 0);
  if (result < 0) fail(result, "setting the keepalive of");
}

void tcp_stream::abort() noexcept {
  const linger not_at_all{1, 0};
  detail::set_option(native_handle(), SOL_SOCKET, SO_LINGER, not_at_all);
  close();
}

tcp_listener tcp_listener::bind(const endpoint& at, const listen_options& how) {
  const long result = listen_at(at, how);
  if (result < 0) detail::throw_about(result, "listening at", at);
  return tcp_listener(static_cast<int>(result));
}

tcp_listener tcp_listener::bind(std::string_view host, std::string_view service,
                                const listen_options& how) {
  resolve_options to_listen;
  to_listen.passive = true;
  std::vector<endpoint> all = resolve(host, service, to_listen);
  if (host.empty()) {  // getaddrinfo's order of the two depends on the machine
    std::stable_partition(all.begin(), all.end(),
                          [](const endpoint& one) { return one.family() == address_family::ipv4; });
  }
  for (const endpoint& at : all) {
    const long result = listen_at(at, how);
    if (result >= 0) return tcp_listener(static_cast<int>(result));
  }
  return bind(all.front(), how);  // for its error, or it can be now
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
