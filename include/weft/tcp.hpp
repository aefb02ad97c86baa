// SPDX-License-Identifier: BSL-1.0
// TCP: connections and who takes them in. Layer: io.
//
//   weft::tcp_listener at = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
//   weft::tcp_stream to = weft::tcp_stream::connect("example.org", "80");
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/endpoint.hpp"
#include "weft/socket.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// When a silent peer is asked whether it is still there: after `idle`, every `interval`, `probes`
// times. Whole seconds, from 1 to 32767.  Source: tcp(7).
struct keepalive_options {
  duration idle = std::chrono::hours(2);
  duration interval = std::chrono::seconds(75);
  int probes = 9;
};

// How a connection is made.
struct connect_options {
  bool nodelay = true;  // small writes go at once, as in Go and asyncio
  endpoint from{};      // where it starts; unspecified: the system chooses
  // The next address is tried, too, when one has not answered for so long (RFC 8305).
  duration stagger = std::chrono::milliseconds(250);
  std::optional<keepalive_options> keepalive{};
  // As set_send_buffer() and set_receive_buffer(); 0: the system adapts them.
  std::size_t send_buffer_bytes = 0;
  std::size_t receive_buffer_bytes = 0;
};

class WEFT_API tcp_stream : public stream_socket {
 public:
  tcp_stream() noexcept = default;
  using stream_socket::stream_socket;

  // Connects to an address.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::system_error, which names the address: ECONNREFUSED, ETIMEDOUT, ENETUNREACH,
  // EMFILE ...; cancelled.
  static tcp_stream connect(const endpoint& to, const connect_options& how = {});
  static tcp_stream connect(const endpoint& to, std::error_code& error,
                            const connect_options& how = {});

  // Connects to the first address of a name that answers: addresses of both families in turn, each
  // begun when the one before has failed or not answered for `how.stagger`; the others are given
  // up. Parks: may.  Calls from: fiber. Throws: as resolve(); std::system_error of the first
  // address that failed, if all did; cancelled.
  static tcp_stream connect(std::string_view host, std::string_view service,
                            const connect_options& how = {});
  static tcp_stream connect(std::string_view host, std::string_view service, std::error_code& error,
                            const connect_options& how = {});

  // Says whether small writes go at once (Nagle's algorithm off).
  // Parks: never.  Calls from: any thread.  Throws: std::system_error: EBADF.
  void set_nodelay(bool is_on);

  // Asks a silent peer whether it is still there: see keepalive_options.
  // Parks: never.  Calls from: any thread.  Throws: std::system_error: EBADF, EINVAL.
  void set_keepalive(bool is_on, duration idle = std::chrono::hours(2),
                     duration interval = std::chrono::seconds(75), int probes = 9);

  // Closes the connection at once, and drops what has not been sent: the peer's calls fail with
  // ECONNRESET, and no port stays behind in TIME_WAIT. Fibers that wait for it get EBADF.
  // Parks: never.  Calls from: as close().  Source: socket(7), SO_LINGER with a time of 0.
  void abort() noexcept;

 private:
  friend class tcp_listener;
  explicit tcp_stream(connected how, int fd) noexcept : stream_socket(how, fd, kind::tcp_socket) {}
};

// How connections are taken in.
struct listen_options {
  int backlog = 4096;  // connections that wait to be taken in; the system has a limit of its own
  bool reuse_port = false;  // several listeners share the port, each with a backlog of its own
  bool v6_only = true;      // an IPv6 listener takes no IPv4 connections
  // Of the connections taken in:
  bool nodelay = true;
  std::optional<keepalive_options> keepalive{};
  std::size_t send_buffer_bytes = 0;  // as set_send_buffer(); 0: the system adapts it
  std::size_t receive_buffer_bytes = 0;
};

class WEFT_API tcp_listener : public stream_listener {
 public:
  using stream = tcp_stream;

  tcp_listener() noexcept = default;

  // Takes connections in at an address; port 0: any that is free, see local_endpoint(). An address
  // whose last connections still close can be used again.
  // Parks: never.  Calls from: fiber, any thread.
  // Throws: std::system_error, which names the address: EADDRINUSE, EACCES, EADDRNOTAVAIL, EMFILE.
  static tcp_listener bind(const endpoint& at, const listen_options& how = {});

  // The same at the first address of a name that can be listened at. An empty host means every
  // interface: by IPv4, where the machine has it.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: as resolve(); std::system_error of the first address, if none can; cancelled.
  static tcp_listener bind(std::string_view host, std::string_view service,
                           const listen_options& how = {});

  // Waits for the next connection.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::system_error: EMFILE, ENFILE, ENOBUFS, ENOMEM (see is_shortage()); EBADF if it is
  // closed meanwhile; cancelled, and no connection is lost.
  tcp_stream accept(endpoint* peer = nullptr);
  tcp_stream accept(std::error_code& error, endpoint* peer = nullptr);

  // Makes a second listener of the same socket, for another loop: each connection comes to one of
  // them, of loops that wait to the one that has waited longest, and the others sleep on. Closing
  // one leaves the others open; the last one closes the socket.
  // Parks: never.  Calls from: the thread on which fibers wait for it; any, if none does.
  // Throws: std::system_error: EBADF, EMFILE; std::bad_alloc.
  tcp_listener share() { return tcp_listener(shared(), *this); }

 private:
  using stream_listener::stream_listener;
};

WEFT_NAMESPACE_END
