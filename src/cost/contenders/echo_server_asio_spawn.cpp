// SPDX-License-Identifier: BSL-1.0
// Asio's stackful coroutines as an echo server. Prints its port, and serves until it is killed.
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/spawn.hpp>
#include <boost/asio/write.hpp>

#include <cstdio>
#include <memory>
#include <utility>

#include "servers.hpp"

namespace {

using boost::asio::ip::tcp;

void echo(tcp::socket& peer, boost::asio::yield_context yield) {
  char block[1024];
  boost::system::error_code error;
  for (;;) {
    const std::size_t n = peer.async_read_some(boost::asio::buffer(block), yield[error]);
    if (error) return;
    boost::asio::async_write(peer, boost::asio::buffer(block, n), yield[error]);
    if (error) return;
  }
}

void listen(boost::asio::io_context& loop, tcp::acceptor& from, boost::asio::yield_context yield) {
  for (;;) {
    auto peer = std::make_shared<tcp::socket>(loop);
    from.async_accept(*peer, yield);
    peer->set_option(tcp::no_delay(true));
    boost::asio::spawn(loop, [peer](boost::asio::yield_context own) { echo(*peer, own); });
  }
}

}  // namespace

int cost_serve_asio_spawn() {
  boost::asio::io_context loop(1);
  tcp::acceptor listener(loop, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0));
  std::printf("%d\n", static_cast<int>(listener.local_endpoint().port()));
  std::fflush(stdout);
  boost::asio::spawn(
      loop, [&](boost::asio::yield_context yield) { listen(loop, listener, std::move(yield)); });
  loop.run();
  return 0;
}
