// SPDX-License-Identifier: BSL-1.0
// Sockets between processes of one machine ("Unix domain"). Layer: io.
#pragma once

#include <system_error>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/endpoint.hpp"
#include "weft/socket.hpp"

WEFT_NAMESPACE_BEGIN

class WEFT_API unix_stream : public stream_socket {
 public:
  unix_stream() noexcept = default;
  using stream_socket::stream_socket;

  // Connects to a path or an abstract name; waits while the listener's backlog is full.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::system_error, which names the address: ENOENT, ECONNREFUSED, EACCES, EMFILE;
  // cancelled.
  static unix_stream connect(const endpoint& to);
  static unix_stream connect(const endpoint& to, std::error_code& error);

  // Two that are connected to each other.  Parks: never.  Throws: std::system_error: EMFILE,
  // ENFILE.
  static std::pair<unix_stream, unix_stream> pair();

 private:
  friend class unix_listener;
  explicit unix_stream(connected how, int fd) noexcept
      : stream_socket(how, fd, kind::other_socket) {}
};

class WEFT_API unix_listener : public stream_listener {
 public:
  using stream = unix_stream;

  unix_listener() noexcept = default;

  // Takes connections in at a path or an abstract name. A path's file is made, and stays when the
  // listener is closed: remove it before and after.
  // Parks: never.  Calls from: fiber, any thread.
  // Throws: std::system_error, which names the address: EADDRINUSE if the file is there, EACCES,
  // ENOENT.
  static unix_listener bind(const endpoint& at, int backlog = 4096);

  // As tcp_listener::accept().
  unix_stream accept(endpoint* peer = nullptr);
  unix_stream accept(std::error_code& error, endpoint* peer = nullptr);

  // As tcp_listener::share().
  unix_listener share() { return unix_listener(shared(), *this); }

 private:
  using stream_listener::stream_listener;
};

WEFT_NAMESPACE_END
