// SPDX-License-Identifier: BSL-1.0
// See process.hpp.
#include "process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>

namespace cost {

std::string peer_program(const char* name) {
  const std::filesystem::path here = std::filesystem::read_symlink("/proc/self/exe").parent_path();
  for (const char* folder : {"contenders", "../../src/cost/contenders", "../libexec/weft-cost"}) {
    const std::filesystem::path found = here / folder / name;
    if (std::filesystem::exists(found)) return found.lexically_normal().string();
  }
  throw std::runtime_error(std::string(name) + " is neither beside this program nor installed");
}

process::process(std::vector<std::string> arguments) : name_(arguments.front()) {
  ::setenv("GOMAXPROCS", "1",
           1);  // Go does not count the cores that it may use, but those there are
  int input[2];
  int output[2];
  if (::pipe2(input, O_CLOEXEC) != 0 || ::pipe2(output, O_CLOEXEC) != 0) {
    throw std::runtime_error("no pipe for " + name_);
  }
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, input[0], 0);
  ::posix_spawn_file_actions_adddup2(&actions, output[1], 1);
  std::vector<char*> words;
  for (std::string& one : arguments) words.push_back(one.data());
  words.push_back(nullptr);
  const int error = ::posix_spawnp(&child_, words[0], &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(input[0]);
  ::close(output[1]);
  to_ = ::fdopen(input[1], "w");
  from_ = ::fdopen(output[0], "r");
  if (error != 0) throw std::runtime_error("cannot run " + name_);
  run(1);  // it is ready when it answers: what its start costs is nobody's operation
}

process::~process() {
  std::fclose(to_);  // which ends it
  std::fclose(from_);
  ::waitpid(child_, nullptr, 0);
}

std::uint64_t process::run(std::uint64_t operations) {
  std::uint64_t done = 0;
  std::fprintf(to_, "%" PRIu64 "\n", operations);
  std::fflush(to_);
  if (std::fscanf(from_, "%" SCNu64, &done) != 1) throw std::runtime_error(name_ + " has ended");
  return done;
}

std::uint64_t process::check(std::uint64_t operations) {
  if (operations > 1) run(operations);  // one has been done, and may take long
  return run(0);
}

double process::elsewhere_ns() const {
  clockid_t its_clock{};
  timespec used{};
  if (::clock_getcpuclockid(child_, &its_clock) != 0) return 0;
  ::clock_gettime(its_clock, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

}  // namespace cost
