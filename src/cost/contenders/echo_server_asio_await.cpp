// SPDX-License-Identifier: BSL-1.0
// Asio's C++20 coroutines as an echo server: what its users write today. Prints its port, and serves
// until it is killed.
#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/use_awaitable.hpp>
#include <asio/write.hpp>

#include <cstdio>
#include <utility>

#include "servers.hpp"

namespace {

using asio::ip::tcp;

asio::awaitable<void> echo(tcp::socket peer) {
  char block[1024];
  try {
    for (;;) {
      const std::size_t n = co_await peer.async_read_some(asio::buffer(block), asio::use_awaitable);
      co_await asio::async_write(peer, asio::buffer(block, n), asio::use_awaitable);
    }
  } catch (const asio::system_error&) {
    // the client has gone
  }
}

asio::awaitable<void> listen(tcp::acceptor& from) {
  for (;;) {
    tcp::socket peer = co_await from.async_accept(asio::use_awaitable);
    peer.set_option(tcp::no_delay(true));
    asio::co_spawn(from.get_executor(), echo(std::move(peer)), asio::detached);
  }
}

}  // namespace

int cost_serve_asio_awaitable() {
  asio::io_context loop(1);
  tcp::acceptor listener(loop, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
  std::printf("%d\n", static_cast<int>(listener.local_endpoint().port()));
  std::fflush(stdout);
  asio::co_spawn(loop, listen(listener), asio::detached);
  loop.run();
  return 0;
}
