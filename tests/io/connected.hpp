// SPDX-License-Identifier: BSL-1.0
// Both ends of a TCP connection within the process.
#pragma once

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

}  // namespace weft_tests
