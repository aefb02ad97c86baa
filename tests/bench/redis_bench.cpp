// SPDX-License-Identifier: BSL-1.0
// redis: the processor time that a GET takes, one request under way on each connection: the example
// mini_redis beside Redis' own server.
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "program.hpp"
#include "server_client.hpp"

namespace {

using namespace cost;

constexpr const char* redis_server = "redis-server";

constexpr std::string_view set = "*3\r\n$3\r\nSET\r\n$8\r\nkey:0001\r\n$3\r\nxxx\r\n";
constexpr std::string_view get = "*2\r\n$3\r\nGET\r\n$8\r\nkey:0001\r\n";

std::unique_ptr<contender> redis_client(std::unique_ptr<server_process> server,
                                        std::size_t connections) {
  auto made = std::make_unique<server_client>(std::move(server), connections, get, "$3\r\nxxx\r\n");
  ask(made->first_peer(), set);
  take_answer(made->first_peer(), "+OK\r\n");
  return made;
}

std::unique_ptr<server_process> start_redis() {
  const int port = free_port();
  return std::make_unique<server_process>(
      std::vector<std::string>{redis_server, "--port", std::to_string(port), "--save", "",
                               "--appendonly", "no", "--bind", "127.0.0.1"},
      port);
}

struct mini_redis {
  const char* side;
  const char* path;
};

constexpr mini_redis mini_redises[] = {
#ifdef BENCH_MINI_REDIS_FCONTEXT
    {weft_fcontext, BENCH_MINI_REDIS_FCONTEXT},
#endif
#ifdef BENCH_MINI_REDIS_ASM
    {weft_asm, BENCH_MINI_REDIS_ASM},
#endif
};

std::vector<row> rows(const arguments&) {
  std::vector<row> all;
  for (const std::size_t connections : {50, 500}) {
    row one;
    one.name = "GET, " + std::to_string(connections) + " connections";
    one.peer = redis_server;
    for (const mini_redis& each : mini_redises) {
      one.entries.push_back({each.side, [path = each.path, connections] {
                               return redis_client(std::make_unique<server_process>(path),
                                                   connections);
                             }});
    }
    one.entries.push_back(
        {redis_server, [connections] { return redis_client(start_redis(), connections); }});
    one.goals = {{weft_asm, redis_server, 1}, {weft_fcontext, redis_server, 1}};
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"redis", {"ns", 1, 1}, &rows, &measure_servers}, argc, argv);
}
