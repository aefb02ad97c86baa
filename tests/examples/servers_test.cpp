// SPDX-License-Identifier: BSL-1.0
// What every server among the examples does: says where it listens, ends by a signal, tells bad
// usage; and echo_server. The others: chat_test.cpp, proxy_test.cpp, mini_redis_test.cpp.
#include <doctest/doctest.h>

#include <chrono>
#include <csignal>
#include <string>
#include <utility>
#include <vector>

#include "examples/clients.hpp"
#include "examples/programs.hpp"
#include "support/build_kind.hpp"
#include "support/skip.hpp"

using namespace weft_tests;
using namespace std::chrono_literals;

namespace {

const char* const all_servers[] = {"echo_server", "chat", "proxy", "mini_redis"};

}  // namespace

TEST_CASE("echo_server: its first line says where it listens") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  REQUIRE(server.port() != 0);
  CHECK(server.first_line() == "listening on 127.0.0.1:" + std::to_string(server.port()));
  const child_end end = server.end_by(SIGTERM);
  CHECK(end.status == 0);
  CHECK(end.output == server.first_line() + "\n");
}

TEST_CASE("echo_server: listens at IPv6 and at names, too") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child by_name(program("echo_server").string(), {"--host", "localhost"});
  CHECK(by_name.port() != 0);
  server_child server(program("echo_server").string(), {"--host", "::1"});
  if (server.port() == 0) WEFT_SKIP("no IPv6");
  CHECK(server.first_line() == "listening on [::1]:" + std::to_string(server.port()));
}

TEST_CASE("echo_server: a megabyte comes back through nc") {
  if (!are_built()) WEFT_SKIP(not_built);
  if (!has_netcat()) WEFT_SKIP(no_netcat);
  server_child server(program("echo_server").string());
  const std::string bytes = a_megabyte();
  const child_end end = through_netcat(server.port(), bytes);
  CHECK(end.status == 0);
  CHECK(end.output.size() == bytes.size());
  CHECK((end.output == bytes));  // not both in a message
}

TEST_CASE("echo_server: 100 connections at once, and each gets its own") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  as_client([&] {
    std::vector<weft::tcp_stream> all;
    for (int i = 0; i < 100; ++i) all.push_back(connected_to(server));
    for (std::size_t i = 0; i < all.size(); ++i) all[i].write_all("from " + std::to_string(i));
    for (std::size_t i = all.size(); i-- > 0;) {
      const std::string own = "from " + std::to_string(i);
      CHECK(read_bytes(all[i], own.size()) == own);
    }
  });
}

TEST_CASE("echo_server: under load each byte of 1,000 connections comes back, in order") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  const std::string load = from_environment("WEFT_ECHO_LOAD");
  const child_end end =
      run_program({load, std::to_string(server.port()), std::to_string(scaled(1000, 100)),
                   std::to_string(scaled(32, 4))});
  CHECK(end.status == 0);
  CHECK(end.says(" bytes came back as they were sent"));
}

TEST_CASE("echo_server: after a half-close all is answered, then the connection is closed") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  as_client([&] {
    weft::tcp_stream at_once = connected_to(server);
    at_once.write_all("few");
    at_once.shutdown_write();
    CHECK(read_to_the_end(at_once) == "few");

    weft::tcp_stream much = connected_to(server);
    const std::string bytes = a_megabyte();
    weft::task<> writing = weft::spawn([&] {
      much.write_all(bytes);
      much.shutdown_write();
    });
    CHECK((read_to_the_end(much) == bytes));
  });
}

TEST_CASE("echo_server: a client that breaks off disturbs nobody") {
  if (!are_built()) WEFT_SKIP(not_built);
  server_child server(program("echo_server").string());
  as_client([&] {
    weft::tcp_stream other = connected_to(server);
    weft::tcp_stream broken = connected_to(server);
    say(broken, "one", "one");
    broken.write_all("two");
    break_off(broken);
    say(other, "three", "three");
  });
  const child_end end = server.end_by(SIGTERM);
  CHECK(end.status == 0);
  CHECK(end.output == server.first_line() + "\n");
}

TEST_CASE("servers: SIGINT and SIGTERM end each with status 0 while connections are open") {
  if (!are_built()) WEFT_SKIP(not_built);
  for (const int signal : {SIGINT, SIGTERM}) {
    CAPTURE(signal);
    as_client([&] {
      server_child echo(program("echo_server").string());
      server_child chat(program("chat").string());
      server_child proxy(program("proxy").string(),
                         {"--to", "127.0.0.1:" + std::to_string(echo.port())});
      weft::tcp_stream to_echo = connected_to(echo);
      say(to_echo, "hello", "hello");
      guest ann(chat, "ann");
      weft::tcp_stream through_proxy = connected_to(proxy);
      say(through_proxy, "hello", "hello");
      const auto begin = std::chrono::steady_clock::now();
      for (server_child* one : {&proxy, &chat, &echo}) {
        const child_end end = one->end_by(signal);
        CHECK(end.status == 0);
        CHECK(end.output == one->first_line() + "\n");
      }
      CHECK(std::chrono::steady_clock::now() - begin < (is_sanitized ? 15s : 2s));
      for (weft::tcp_stream* one : {&to_echo, &ann.connection(), &through_proxy}) {
        CHECK(has_ended(*one));
      }
    });
  }
}

TEST_CASE("servers: a port that is in use is an error that names it") {
  if (!are_built()) WEFT_SKIP(not_built);
  const weft::tcp_listener first = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
  const weft::endpoint at = first.local_endpoint();
  for (const std::string name : all_servers) {
    const child_end end =
        run_program({program(name).string(), "--port", std::to_string(at.port())});
    CHECK(end.status == 1);
    CHECK(end.output ==
          name + ": weft: listening at " + at.to_string() + ": Address already in use\n");
  }
}

TEST_CASE("servers: bad usage is status 2 and says what was wrong; --help is status 0") {
  if (!are_built()) WEFT_SKIP(not_built);
  for (const std::string name : all_servers) {
    const auto run = [&](const std::vector<std::string>& options) {
      std::vector<std::string> words{program(name).string()};
      words.insert(words.end(), options.begin(), options.end());
      return run_program(words);
    };
    CHECK(run({"--prot", "1"}).output == name + ": unknown argument '--prot'; see --help\n");
    CHECK(run({"--port"}).output == name + ": --port wants a value; see --help\n");
    for (const char* port : {"65536", "-1", "", "http", "70000000000000"}) {
      const child_end end = run({"--port", port});
      CHECK(end.status == 2);
      CHECK(end.says("--port wants a number up to 65535, not '" + std::string(port) + "'"));
    }
    const child_end help = run({"--help"});
    CHECK(help.status == 0);
    CHECK(help.says("usage: " + name));
    CHECK(help.says("--port"));
  }
  const child_end end = run_program({program("proxy").string(), "--to", "nowhere"});
  CHECK(end.status == 2);
  CHECK(end.output == "proxy: --to wants HOST:PORT, not 'nowhere'; see --help\n");
}
