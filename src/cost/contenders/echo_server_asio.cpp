// SPDX-License-Identifier: BSL-1.0
// Asio's side of the echo rows: callbacks, one thread, no lock. Prints its port, and serves until
// it is killed.
#include <asio/buffer.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/write.hpp>

#include <cstddef>
#include <cstdio>
#include <memory>
#include <utility>

namespace {

using asio::ip::tcp;

class session : public std::enable_shared_from_this<session> {
 public:
  explicit session(tcp::socket&& peer) : peer_(std::move(peer)) {}

  void read() {
    peer_.async_read_some(asio::buffer(block_),
                          [own = shared_from_this()](const asio::error_code& error, std::size_t n) {
                            if (!error) own->write(n);
                          });
  }

 private:
  void write(std::size_t bytes) {
    asio::async_write(peer_, asio::buffer(block_, bytes),
                      [own = shared_from_this()](const asio::error_code& error, std::size_t) {
                        if (!error) own->read();
                      });
  }

  tcp::socket peer_;
  char block_[1024];
};

void take_in(tcp::acceptor& from) {
  from.async_accept([&from](const asio::error_code& error, tcp::socket peer) {
    if (!error) {
      peer.set_option(tcp::no_delay(true));
      std::make_shared<session>(std::move(peer))->read();
    }
    take_in(from);
  });
}

}  // namespace

int COST_ECHO_SERVER();  // main, or a name that servers.cpp calls
int COST_ECHO_SERVER() {
  asio::io_context loop(1);
  tcp::acceptor listener(loop);
  const tcp::endpoint at(asio::ip::address_v4::loopback(), 0);
  listener.open(at.protocol());
  listener.bind(at);
  listener.listen(4096);
  std::printf("%d\n", static_cast<int>(listener.local_endpoint().port()));
  std::fflush(stdout);
  take_in(listener);
  loop.run();
  return 0;
}
