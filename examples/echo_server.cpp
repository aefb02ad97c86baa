// SPDX-License-Identifier: BSL-1.0
// echo_server: sends back what comes, to any number of clients at once
//
//   build/examples/echo_server          and in other terminals:  nc -N 127.0.0.1 7007
//
// Each connection is a function that reads and writes as if it were alone. A client that does not
// read what it is sent makes only its own fiber wait.
#include <weft/io.hpp>

#include "server.hpp"

namespace {

void echo(weft::tcp_stream& peer) {
  char block[16 * 1024];
  // 0: the client has said that it sends no more. By then all that it sent is answered.
  while (const std::size_t bytes = peer.read_some(block, sizeof block)) {
    peer.write_all(block, bytes);
  }
}

}  // namespace

int main(int argc, char** argv) {
  server::arguments given = server::at_port("7007");
  server::read_arguments(argc, argv, "echo_server", given);
  return server::run("echo_server", given, echo);
}
