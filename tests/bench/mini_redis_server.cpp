// SPDX-License-Identifier: BSL-1.0
// weft's side of the redis rows: the example's server at any free port, which it prints.
#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <cstdio>

#include "mini_redis/commands.hpp"
#include "mini_redis/session.hpp"

int main() {
  weft::run([] {
    mini_redis::shared all;
    auto listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    std::printf("%d\n", static_cast<int>(listener.local_endpoint().port()));
    std::fflush(stdout);
    auto sweeper = weft::spawn([&] { mini_redis::sweep(all); });
    weft::serve(listener, [&](weft::tcp_stream& peer) {
      mini_redis::session(all, peer).run(mini_redis::execute);
    });
  });
}
