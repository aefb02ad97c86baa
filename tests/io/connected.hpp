// SPDX-License-Identifier: BSL-1.0
// Both ends of a TCP connection within the process, and what the kernel says of a socket.
#pragma once

#include <sys/socket.h>

#include <doctest/doctest.h>

#include "weft/spawn.hpp"
#include "weft/tcp.hpp"

namespace weft_tests {

struct tcp_connection {
  explicit tcp_connection(weft::tcp_listener& at, const weft::connect_options& how = {}) {
    auto taken = weft::spawn([&] { return at.accept(); });
    near = weft::tcp_stream::connect(at.local_endpoint(), how);
    far = taken.get();
  }
  weft::tcp_stream near;
  weft::tcp_stream far;
};

inline int option_of(const weft::file_descriptor& of, int level, int name) {
  int value = 0;
  socklen_t bytes = sizeof value;
  REQUIRE(::getsockopt(of.native_handle(), level, name, &value, &bytes) == 0);
  return value;
}

}  // namespace weft_tests
