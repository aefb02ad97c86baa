// SPDX-License-Identifier: BSL-1.0
// Peer: Go, in processes of its own, each with one processor (ours): go_peer.go for most rows, and
// for the cold sleepers sleepers.go, which is started for each round and costs what its process
// costs, runtime included.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "process.hpp"
#include "sides.hpp"

namespace cost {
namespace {

class sleepers final : public contender {
 public:
  explicit sleepers(const sleepers_shape& shape)
      : fibers_(std::to_string(shape.fibers)), longest_ms_(std::to_string(shape.longest_ms)) {
    ::setenv("GOMAXPROCS", "1", 1);
  }

  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) one();
    return operations;
  }

 private:
  void one() {
    std::string program = peer_program("cost_go_sleepers");
    char* const arguments[] = {program.data(), fibers_.data(), longest_ms_.data(), nullptr};
    pid_t child = 0;
    int status = -1;
    const int error = ::posix_spawn(&child, program.c_str(), nullptr, nullptr, arguments, environ);
    if (error == 0) ::waitpid(child, &status, 0);
    if (status != 0) throw std::runtime_error("cannot run " + program);
  }

  std::string fibers_;
  std::string longest_ms_;
};

std::unique_ptr<contender> peer(std::vector<std::string> words) {
  words.insert(words.begin(), peer_program("cost_go_peer"));
  return std::make_unique<process>(std::move(words));
}

std::unique_ptr<contender> make_yields(const yield_shape& shape) {
  if (shape.is_mixed) return nullptr;
  return peer({"turns", std::to_string(shape.fibers), std::to_string(shape.calls_above)});
}

std::unique_ptr<contender> make_spawns(const spawn_shape& shape) {
  return peer({"spawn", std::to_string(shape.batch)});
}

std::unique_ptr<contender> make_parked(const parked_shape& shape) {
  return peer({"parked", std::to_string(shape.fibers)});
}

std::unique_ptr<contender> make_messages(const message_shape& shape) {
  if (shape.kind != message_kind::channel) return nullptr;
  return peer({"channel", std::to_string(shape.capacity)});
}

std::unique_ptr<contender> make_teams(const team_shape& shape) {
  constexpr const char* names[] = {"skynet", "fib", "hops", "crowd"};
  return peer({names[static_cast<int>(shape.kind)], std::to_string(shape.size)});
}

std::unique_ptr<contender> make_sleepers(const sleepers_shape& shape) {
  if (shape.is_warm) {
    return peer({"sleepers", std::to_string(shape.fibers), std::to_string(shape.longest_ms)});
  }
  return std::make_unique<sleepers>(shape);
}

}  // namespace

const side go_side = {go,           nullptr,        &make_yields, &make_spawns,
                      nullptr,      &make_sleepers, &make_parked, 0,
                      nullptr,      &make_messages, &make_teams};

}  // namespace cost
