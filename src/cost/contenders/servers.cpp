// SPDX-License-Identifier: BSL-1.0
// See servers.hpp. Which there are: meson.build.
#include "servers.hpp"

#include <filesystem>
#include <memory>
#include <stdexcept>

#include "process.hpp"
#include "server_client.hpp"
#include "server_process.hpp"

namespace cost {
namespace {

struct server {
  const char* id;
  const char* side;
  int (*serve)();  // nullptr: a program of its own
};

constexpr server servers[] = {
#if COST_HAVE_WEFT_FCONTEXT
    {"fcontext", weft_fcontext, &cost_serve_fcontext},
#endif
#if COST_HAVE_WEFT_ASM
    {"asm", weft_asm, &cost_serve_asm},
#endif
    {"epoll", raw_epoll, &cost_serve_epoll},
#if COST_HAVE_ASIO
    {"asio-awaitable", "Asio awaitable", &cost_serve_asio_awaitable},
#endif
#if COST_HAVE_ASIO_SPAWN
    {"asio-spawn", "Asio spawn", &cost_serve_asio_spawn},
#endif
#if COST_HAVE_LIBUV
    {"libuv", "libuv", &cost_serve_uv},
#endif
#if COST_HAVE_GO
    {"go", go, nullptr},
#endif
};

std::vector<std::string> command_for(const server& one) {
  if (one.serve == nullptr) return {peer_program("cost_echo_server_go")};
  return {std::filesystem::read_symlink("/proc/self/exe").string(), "serve", one.id};
}

// Told what the answers were: 64 bytes back for each request, or it would have thrown.
class checked_client final : public contender {
 public:
  checked_client(std::vector<std::string> command, std::size_t connections)
      : client_(std::make_unique<server_process>(std::move(command)), connections, echo_request(),
                echo_request()) {}
  std::uint64_t run(std::uint64_t operations) override { return client_.run(operations); }
  double elsewhere_ns() const override { return client_.elsewhere_ns(); }
  std::uint64_t check(std::uint64_t operations) override {
    return client_.run(operations) * echo_request().size();
  }

 private:
  server_client client_;
};

}  // namespace

std::vector<entry> echo_entries(std::size_t connections) {
  std::vector<entry> all;
  for (const server& each : servers) {
    all.push_back({each.side, [&each, connections]() -> std::unique_ptr<contender> {
                     raise_descriptor_limit();
                     return std::make_unique<checked_client>(command_for(each), connections);
                   }});
  }
  return all;
}

bool has_echo_server(const std::string& side) {
  for (const server& each : servers) {
    if (side == each.side) return true;
  }
  return false;
}

int serve_echo(const std::string& id) {
  for (const server& each : servers) {
    if (id == each.id && each.serve != nullptr) return each.serve();
  }
  throw std::runtime_error("there is no echo server '" + id + "'");
}

}  // namespace cost
