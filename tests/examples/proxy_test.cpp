// SPDX-License-Identifier: BSL-1.0
// The example proxy: both directions, and the end of each, are passed on.
#include <doctest/doctest.h>

#include <string>

#include "examples/clients.hpp"
#include "examples/programs.hpp"
#include "support/skip.hpp"

using namespace weft_tests;

namespace {

// A proxy, both ends of a connection through it, and what is behind it.
struct passage {
  passage()
      : behind(weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0))),
        proxy(program("proxy").string(), {"--to", behind.local_endpoint().to_string()}),
        client(connected_to(proxy)),
        target(behind.accept()) {}

  weft::tcp_listener behind;
  server_child proxy;
  weft::tcp_stream client;
  weft::tcp_stream target;
};

}  // namespace

TEST_CASE("proxy: a megabyte through nc, the proxy and echo_server, and back") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_netcat()) WEFT_SKIP(no_netcat);
  server_child echo(program("echo_server").string());
  server_child proxy(program("proxy").string(),
                     {"--to", "127.0.0.1:" + std::to_string(echo.port())});
  const std::string bytes = a_megabyte();
  const child_end end = through_netcat(proxy.port(), bytes);
  CHECK(end.status == 0);
  CHECK((end.output == bytes));
}

TEST_CASE("proxy: the client's half-close is passed on, and the other direction goes on") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    passage through;
    through.client.write_all("question");
    through.client.shutdown_write();
    CHECK(read_to_the_end(through.target) == "question");
    through.target.write_all("answer");
    CHECK(read_bytes(through.client, 6) == "answer");
    through.target.write_all(", and more");
    through.target.close();
    CHECK(read_to_the_end(through.client) == ", and more");
  });
}

TEST_CASE("proxy: the target's half-close is passed on, and the other direction goes on") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    passage through;
    through.target.write_all("greeting");
    through.target.shutdown_write();
    CHECK(read_to_the_end(through.client) == "greeting");
    through.client.write_all("data");
    CHECK(read_bytes(through.target, 4) == "data");
    through.client.close();
    CHECK(read_to_the_end(through.target) == "");
  });
}

TEST_CASE("proxy: when one side breaks off, the other is closed") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    passage through;
    break_off(through.target);
    CHECK(has_ended(through.client));
    passage back;
    break_off(back.client);
    CHECK(has_ended(back.target));
    const child_end end = back.proxy.end_by(SIGTERM);
    CHECK(end.status == 0);
    CHECK(end.output == back.proxy.first_line() + "\n");
  });
}

TEST_CASE("proxy: a target that nobody listens at ends the connection, and is named") {
  if (!are_built()) WEFT_SKIP(not_built);
  as_client([] {
    weft::tcp_listener behind = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    const std::string at = behind.local_endpoint().to_string();
    server_child proxy(program("proxy").string(), {"--to", at});
    behind.close();
    weft::tcp_stream client = connected_to(proxy);
    CHECK(has_ended(client));
    CHECK(proxy.wait_for(at + ": Connection refused"));
    CHECK(proxy.end_by(SIGTERM).status == 0);
  });
}
