// SPDX-License-Identifier: BSL-1.0
// Clients of real servers: what they say without one, and that redis-server, where it is there, is
// waited for by many at once. That the libraries work in fibers is shown in tests/legacy.
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdint>
#include <string>
#include <thread>
#include <vector>

#include "examples/programs.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;

namespace {

constexpr const char* not_there = "its library, or libweft-hook, is missing";

// One that nobody listens at, a moment ago.
std::uint16_t free_port() {
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in here{};
  here.sin_family = AF_INET;
  here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof here;
  bind(fd, reinterpret_cast<sockaddr*>(&here), length);
  getsockname(fd, reinterpret_cast<sockaddr*>(&here), &length);
  close(fd);
  return ntohs(here.sin_port);
}

child_end run_client(const std::string& name, std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), program(name).string());
  return run_program(arguments);
}

bool is_built(const std::string& name) { return fs::exists(program(name)); }

void check_without_server(const std::string& name, const std::vector<std::string>& nowhere,
                          const std::string& what_to_start) {
  const child_end end = run_client(name, nowhere);
  CHECK(end.status == 1);
  CHECK(end.says(name + ": "));
  CHECK(end.says(what_to_start));
  const child_end help = run_client(name, {"--help"});
  CHECK(help.status == 0);
  CHECK(help.says("--fibers"));
  CHECK(run_client(name, {"--fibers", "none"}).status == 2);
}

}  // namespace

TEST_CASE("legacy_redis: without a server it says what to start") {
  if (!is_built("legacy_redis")) WEFT_SKIP(not_there);
  check_without_server("legacy_redis", {"--port", std::to_string(free_port())}, "redis-server");
}

TEST_CASE("legacy_libpq: without a server it says what to start") {
  if (!is_built("legacy_libpq")) WEFT_SKIP(not_there);
  check_without_server("legacy_libpq",
                       {"--conninfo", "host=127.0.0.1 port=" + std::to_string(free_port())},
                       "Debian: postgresql");
}

TEST_CASE("legacy_curl: without a server it says what to start") {
  if (!is_built("legacy_curl")) WEFT_SKIP(not_there);
  check_without_server("legacy_curl",
                       {"--url", "http://127.0.0.1:" + std::to_string(free_port()) + "/"},
                       "python3");
}

TEST_CASE("legacy_redis: 200 wait for redis-server at once, on one thread") {
  if (!is_built("legacy_redis")) WEFT_SKIP(not_there);
  if (run_program({"redis-server", "--version"}).status != 0) WEFT_SKIP("no redis-server");
  const std::string port = std::to_string(free_port());
  child server([&] {
    return become_program({"redis-server", "--port", port, "--bind", "127.0.0.1", "--save", "",
                           "--dir", "/tmp"});
  });
  child_end end;
  for (int i = 0; i < 100; ++i) {  // until it listens
    end = run_client("legacy_redis", {"--port", port});
    if (!end.says("Connection refused")) break;
    std::this_thread::sleep_for(50ms);
  }
  CHECK(end.status == 0);
  CHECK(end.says("200 at once"));
  CHECK(end.says("with at most 1 thread(s)"));
  kill(server.id(), SIGKILL);
  server.finish();
}
