// SPDX-License-Identifier: BSL-1.0
// Peer, for the sleepers only: a Go program that is started for each round; it costs what its
// process costs, runtime included. It inherits our one core, and is told so.
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "sides.hpp"

namespace bench {
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
    std::string program = BENCH_GO_SLEEPERS;
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

std::unique_ptr<contender> make_sleepers(const sleepers_shape& shape) {
  if (shape.is_warm) return nullptr;  // a process starts cold
  return std::make_unique<sleepers>(shape);
}

}  // namespace

const side go_side = {go, nullptr, nullptr, nullptr, nullptr, &make_sleepers, nullptr, 0};

}  // namespace bench
