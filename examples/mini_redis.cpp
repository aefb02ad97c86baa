// SPDX-License-Identifier: BSL-1.0
// mini_redis: a small Redis: pipelines, lists that one waits for, publish and subscribe, expiry
//
//   build/examples/mini_redis           and in other terminals:  redis-cli -p 7010
//                                       redis-benchmark -p 7010 -P 64 -q -t ping,set,get
//
// Each client is served by a function that reads requests and writes replies as if it were alone;
// BLPOP just waits, in the middle of it. In mini_redis/:
//   resp.hpp      the protocol: bytes to requests, replies to bytes
//   store.hpp     the data, expiry, and the queues of who waits in BLPOP; and why nothing is locked
//   client.hpp    what is to be sent to a client; channels and who has subscribed to them
//   session.hpp   serves one client; the sweeper
//   commands.hpp, list_commands.hpp    a function for each command
#include <weft/io.hpp>
#include <weft/weft.hpp>

#include "mini_redis/commands.hpp"
#include "mini_redis/session.hpp"
#include "server.hpp"

int main(int argc, char** argv) {
  server::arguments given = server::at_port("7010");
  server::read_arguments(argc, argv, "mini_redis", given);
  mini_redis::shared all;
  const auto serve_one = [&](weft::tcp_stream& peer) {
    mini_redis::session(all, peer).run(mini_redis::execute);
  };
  return server::run("mini_redis", given, serve_one, [&] { mini_redis::sweep(all); });
}
