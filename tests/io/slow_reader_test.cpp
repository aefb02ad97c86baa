// SPDX-License-Identifier: BSL-1.0
// A server whose clients do not read: memory stays bounded, and deadlines end them. A thousand
// clients: WEFT_TEST_TIMES=10.
#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <ostream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/resident.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/buffered.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/serve.hpp"
#include "weft/tcp.hpp"

using namespace std::chrono_literals;
using weft::endpoint;
using weft::spawn;
using weft::tcp_listener;
using weft::tcp_stream;
using weft_tests::on_virtual_time;

namespace {

// As many as there are descriptors for, two each and some to spare.
std::size_t connections_here(std::size_t wanted) {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  return std::min(wanted, static_cast<std::size_t>(limit.rlim_cur) / 2 - 50);
}

}  // namespace

TEST_CASE(
    "torture 11: clients that never read cost bounded memory each, and the deadline of a write") {
  on_virtual_time().run([] {
    weft::listen_options small;
    small.send_buffer_bytes = 4096;  // the kernel's own bound, at both ends
    small.receive_buffer_bytes = 4096;
    tcp_listener listener = tcp_listener::bind(endpoint::loopback_ipv4(0), small);
    constexpr std::size_t capacity = 8 * 1024;
    constexpr std::size_t block_bytes = 1024;
    std::size_t late = 0;
    std::size_t most_buffered = 0;
    const std::string block(block_bytes, 'x');
    auto server = spawn([&] {
      weft::serve(listener, [&](tcp_stream peer) {
        weft::buffered_writer<tcp_stream> out(peer, capacity);
        const weft::time_point began = weft::now();
        try {
          for (;;) {
            weft::with_timeout(30s, [&] { out.write(block); });
            most_buffered = std::max(most_buffered, out.buffered());
          }
        } catch (const weft::timeout_error&) {
          if (weft::now() - began >= 30s) ++late;
        }
        // Who takes a timeout for nothing is stopped, too.
        for (int i = 0; i < 100; ++i) {
          try {
            weft::with_timeout(1s, [&] { out.write(block); });
          } catch (const weft::timeout_error&) {
          } catch (const weft::limit_exceeded&) {
          }
          most_buffered = std::max(most_buffered, out.buffered());
        }
        out.discard();
        peer.abort();
      });
    });
    const std::size_t count = connections_here(weft_tests::scaled_on_demand(100, 30));
    const std::size_t before = weft_tests::resident_bytes();
    weft::connect_options tight;
    tight.receive_buffer_bytes = 4096;
    std::vector<tcp_stream> clients;
    for (std::size_t i = 0; i < count; ++i) {
      clients.push_back(tcp_stream::connect(listener.local_endpoint(), tight));
    }
    for (tcp_stream& one : clients) one.wait_hangup();
    CHECK(late == count);
    CHECK(most_buffered <= capacity + block_bytes);
    // Buffers, a stack's pages and what the allocator adds; a client that read would have had more.
    if (!weft_tests::is_sanitized) {
      CHECK(weft_tests::resident_bytes() < before + count * 64 * 1024 + 4 * 1024 * 1024);
    }
    server.cancel();
  });
}
