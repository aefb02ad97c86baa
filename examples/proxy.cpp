// SPDX-License-Identifier: BSL-1.0
// proxy: passes connections on to another server, both directions at the same time
//
//   build/examples/proxy --to 127.0.0.1:7007      and:  nc -N 127.0.0.1 7009
//
// A direction is a function. When one ends, its end is passed on and the other goes on; when both
// have ended the connection is over. An error in one cancels the other: that is what gather() does.
#include <weft/io.hpp>
#include <weft/weft.hpp>

#include <string>

#include "server.hpp"

namespace {

void pass_on(weft::tcp_stream& from, weft::tcp_stream& to) {
  char block[16 * 1024];
  while (const std::size_t bytes = from.read_some(block, sizeof block)) {
    to.write_all(block, bytes);
  }
  to.shutdown_write();
}

}  // namespace

int main(int argc, char** argv) {
  server::arguments given = server::at_port("7009");
  given["--to"] = {"127.0.0.1:7007", "where connections go; an IPv6 address in brackets"};
  server::read_arguments(argc, argv, "proxy", given);

  const std::string& to = given["--to"].value;
  const std::size_t colon = to.rfind(':');
  if (colon == std::string::npos || !server::is_port(to.substr(colon + 1))) {
    server::wrong_usage("proxy", "--to wants HOST:PORT, not '" + to + "'");
  }
  std::string host = to.substr(0, colon);
  if (host.size() > 2 && host.front() == '[') host = host.substr(1, host.size() - 2);
  const std::string port = to.substr(colon + 1);

  return server::run("proxy", given, [&](weft::tcp_stream& client) {
    weft::tcp_stream target = weft::tcp_stream::connect(host, port);
    weft::gather([&] { pass_on(client, target); }, [&] { pass_on(target, client); });
  });
}
