// SPDX-License-Identifier: BSL-1.0
// What the ports of network.py and servers.py share, as peers.py does. asyncio's reader and writer
// are the two halves of a connection; weft's stream is both, with a buffered_reader around it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include "asyncio/network.hpp"
#include "weft/buffered.hpp"
#include "weft/endpoint.hpp"
#include "weft/serve.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/tcp.hpp"

namespace network_pairs {

inline constexpr std::size_t all_of_it = 64 * 1024 * 1024;

// What open_connection() returns, and what a handler is given.
template <class Stream>
struct basic_connection {
  explicit basic_connection(Stream from) : stream(std::move(from)) {}

  // As readline() of asyncio, which leaves the end of the line; "" at the end of the stream.
  std::string line() {
    try {
      return reader.read_until("\n");
    } catch (const weft::end_of_stream&) {
      return rest();
    }
  }
  std::string exactly(std::size_t size) {
    std::string text(size, '?');
    reader.read_exactly(text.data(), size);
    return text;
  }
  std::string rest() { return reader.read_all(all_of_it); }
  void send(std::string_view text) { stream.write_all(text); }

  Stream stream;
  weft::buffered_reader<Stream> reader{stream};
};
using connection = basic_connection<weft::tcp_stream>;

// A server that runs while this lives.
template <class Listener, class Handler>
struct basic_server {
  using stream = typename Listener::stream;

  basic_server(Listener from, Handler handler, weft::serve_options how = {})
      : listener(std::move(from)), running(weft::spawn([this, handler, how] {
          const auto serve_one = [&](stream peer) {
            basic_connection<stream> to(std::move(peer));
            handler(to);
          };
          weft::serve(listener, serve_one, how);
        })) {}

  Listener listener;
  const endpoint at = listener.local_endpoint();
  weft::task<> running;
};

template <class Handler>
struct server : basic_server<weft::tcp_listener, Handler> {
  explicit server(Handler handler, const endpoint& from = here, weft::serve_options how = {})
      : basic_server<weft::tcp_listener, Handler>(weft::tcp_listener::bind(from), handler,
                                                  std::move(how)) {}
};

struct echo {
  template <class Stream>
  void operator()(basic_connection<Stream>& peer) const {
    std::string block(64 * 1024, '\0');
    while (const std::size_t some = peer.reader.read_some(block.data(), block.size())) {
      peer.stream.write_all(block.data(), some);
    }
  }
};

}  // namespace network_pairs
