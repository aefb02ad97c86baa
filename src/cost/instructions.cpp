// SPDX-License-Identifier: BSL-1.0
// See instructions.hpp.
#include "cost/instructions.hpp"

#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "cost/apart.hpp"

namespace cost {
namespace {

// Cells whose operations are all alike, and sides that run in this process.
constexpr const char* counted_cells[] = {"switch/2/alike", "yield/10/0", "depth/10/4", "spawn/1",
                                         "flat/1"};
constexpr const char* counted_contenders[] = {"fcontext", "asm", "c++20", "c++20-malloc"};
constexpr std::uint64_t few = 10000;

// What a command prints, while others run: text() waits for its end.
class running {
 public:
  explicit running(const std::string& command) : from_(::popen(command.c_str(), "r")) {}
  running(const running&) = delete;
  running& operator=(const running&) = delete;
  ~running() {
    if (from_ != nullptr) ::pclose(from_);
  }
  std::string text() {
    std::string all;
    char block[512];
    while (const std::size_t count = from_ == nullptr ? 0 : std::fread(block, 1, sizeof block, from_)) {
      all.append(block, count);
    }
    return all;
  }

 private:
  std::FILE* from_;
};

// The program is pinned to one core, which valgrind need not be: nothing is timed.
std::string valgrind_command(const std::string& cell, const std::string& contender,
                             std::uint64_t operations) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  return "taskset -c 0-" + std::to_string(::sysconf(_SC_NPROCESSORS_CONF) - 1) +
         " valgrind --tool=callgrind --callgrind-out-file=/dev/null '" + self + "' once " + cell +
         " " + contender + " " + std::to_string(operations) + " 2>&1";
}

// "==12== Collected : 123456"; 0 if it did not work.
double collected(const std::string& text) {
  const std::size_t at = text.find("Collected : ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + 12));
}

}  // namespace

std::vector<instruction_count> count_instructions(
    const request& what, const std::function<void(const std::string&)>& shows) {
  std::vector<instruction_count> all;
  if (running("command -v valgrind").text().empty()) return all;
  for (const char* const cell : counted_cells) {
    for (const char* const contender : counted_contenders) {
      if (interrupted()) return all;
      if (!what.wants(contender)) continue;
      shows(std::string(cell) + " " + contender);
      running first(valgrind_command(cell, contender, few));
      running second(valgrind_command(cell, contender, 2 * few));
      const double once = collected(first.text());
      const double twice = collected(second.text());
      if (once == 0 || twice <= once) continue;
      all.push_back({cell, contender, (twice - once) / static_cast<double>(few)});
    }
  }
  return all;
}

void run_once(const std::string& cell, const std::string& contender, std::uint64_t operations) {
  request what;
  for (const workload& work : workloads()) {
    for (const cell_group& group : work.groups(what)) {
      if (group.cells[0].id != cell || group.run_one == nullptr) continue;
      group.run_one(contender, operations);
      return;
    }
  }
  throw std::runtime_error("there is no cell '" + cell + "' that can be run once");
}

}  // namespace cost
