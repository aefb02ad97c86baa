// SPDX-License-Identifier: BSL-1.0
// Datagrams over IPv4 and IPv6. Layer: io.
#pragma once

#include <cstddef>
#include <string_view>
#include <system_error>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/endpoint.hpp"
#include "weft/file_descriptor.hpp"

WEFT_NAMESPACE_BEGIN

class WEFT_API udp_socket : public file_descriptor {
 public:
  // What came, and from whom.
  struct datagram {
    std::size_t size = 0;  // of what was stored
    endpoint from;
    bool is_truncated = false;  // it was longer, and the rest is lost
  };

  udp_socket() noexcept = default;

  // Receives at an address; port 0: any that is free.
  // Parks: never.  Calls from: any thread.  Throws: std::system_error, as tcp_listener::bind().
  static udp_socket bind(const endpoint& at, bool reuse_port = false);

  // Sends to one peer by default, and receives from it alone. Nothing is sent.
  // Parks: never.  Calls from: any thread.  Throws: std::system_error, which names the address.
  void connect(const endpoint& to);

  // Tell the addresses of that peer and of this end.
  // Parks: never.  Calls from: any thread.  Throws: std::system_error: ENOTCONN, EBADF.
  endpoint remote_endpoint() const;
  endpoint local_endpoint() const;

  // Sends a datagram to that peer, as send_to(): also one of no bytes, which write_some() does not.
  void send(const void* from, std::size_t size);
  void send(std::string_view text) { send(text.data(), text.size()); }

  // Waits for a datagram; one of no bytes is one, too.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::system_error: ECONNREFUSED if a connected peer said so; EBADF, EEXIST; cancelled.
  datagram receive_from(void* to, std::size_t size);

  // Sends a datagram whole.
  // Parks: may, while the system has no room.  Calls from: fiber, any thread.  Throws:
  // std::system_error: EMSGSIZE if it is too long for one, ENETUNREACH, ECONNREFUSED; cancelled.
  void send_to(const endpoint& to, const void* from, std::size_t size);
  void send_to(const endpoint& to, std::string_view text) { send_to(to, text.data(), text.size()); }

 private:
  using file_descriptor::read_exactly;  // a datagram is no part of a stream
  using file_descriptor::write_all;

  explicit udp_socket(int fd) noexcept : file_descriptor(fd, kind::other_socket) {}
};

WEFT_NAMESPACE_END
