// SPDX-License-Identifier: BSL-1.0
// Peer: processes. A switch is a byte through a pipe there and another one back; a task is a child
// of fork() that leaves at once.
#include <fcntl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <memory>
#include <stdexcept>

#include "sides.hpp"
#include "spin.hpp"

namespace cost {
namespace {

class turns final : public contender {
 public:
  turns() {
    int there[2];
    int back[2];
    if (::pipe2(there, O_CLOEXEC) != 0 || ::pipe2(back, O_CLOEXEC) != 0) {
      throw std::runtime_error("no pipe");
    }
    child_ = ::fork();
    if (child_ < 0) throw std::runtime_error("no child process");
    if (child_ == 0) {
      ::close(there[1]);
      ::close(back[0]);
      for (char byte = 0; ::read(there[0], &byte, 1) == 1;) {
        ++byte;
        if (::write(back[1], &byte, 1) != 1) break;
      }
      ::_exit(0);
    }
    ::close(there[0]);
    ::close(back[1]);
    to_ = there[1];
    from_ = back[0];
  }
  ~turns() override {
    ::close(to_);
    ::close(from_);
    ::waitpid(child_, nullptr, 0);
  }

  // There and back are two.
  std::uint64_t run(std::uint64_t operations) override {
    const std::uint64_t laps = laps_for(operations, 2);
    for (std::uint64_t i = 0; i < laps; ++i) {
      char byte = static_cast<char>(i % 100);
      if (::write(to_, &byte, 1) != 1 || ::read(from_, &byte, 1) != 1) {
        throw std::runtime_error("the other process has gone");
      }
      steps_ += static_cast<std::uint64_t>(byte) - i % 100 + 1;
    }
    return laps * 2;
  }

  std::uint64_t check(std::uint64_t operations) override {
    steps_ = 0;
    run(operations);
    return steps_;
  }

  double elsewhere_ns() const override {
    clockid_t its_clock{};
    timespec used{};
    if (::clock_getcpuclockid(child_, &its_clock) != 0) return 0;
    ::clock_gettime(its_clock, &used);
    return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
  }

 private:
  pid_t child_ = 0;
  int to_ = -1;
  int from_ = -1;
  std::uint64_t steps_ = 0;
};

class spawns final : public contender {
 public:
  std::uint64_t run(std::uint64_t operations) override {
    for (std::uint64_t i = 0; i < operations; ++i) one();
    return operations;
  }
  std::uint64_t check(std::uint64_t operations) override {
    std::uint64_t ran = 0;
    for (std::uint64_t i = 0; i < operations; ++i) ran += one();
    return ran;
  }

 private:
  static std::uint64_t one() {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(1);
    int status = 0;
    if (child < 0 || ::waitpid(child, &status, 0) != child) {
      throw std::runtime_error("no child process");
    }
    return static_cast<std::uint64_t>(WEXITSTATUS(status));
  }
};

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  if (shape.contexts != 2 || shape.flags == sticky_flags::differing || shape.is_mixed) {
    return nullptr;
  }
  return std::make_unique<turns>();
}

std::unique_ptr<contender> make_spawns(const spawn_shape& shape) {
  if (shape.batch != 1) return nullptr;
  return std::make_unique<spawns>();
}

}  // namespace

const side process_side = {"process", &make_switches, nullptr, &make_spawns, nullptr,
                           nullptr,   nullptr,        0};

}  // namespace cost
