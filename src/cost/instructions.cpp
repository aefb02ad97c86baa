// SPDX-License-Identifier: BSL-1.0
// See instructions.hpp.
#include "cost/instructions.hpp"

#include <cstdio>
#include <filesystem>
#include <stdexcept>

#include "cost/apart.hpp"

namespace cost {
namespace {

// Cells whose operations are all alike, and sides that run in this process.
constexpr const char* counted_cells[] = {"switch/2/alike", "yield/10/0", "depth/10/4", "spawn/1",
                                         "chain/16", "flat/1"};
constexpr const char* counted_contenders[] = {"fcontext", "asm", "asm-inline", "c++20",
                                              "c++20-malloc"};
constexpr std::uint64_t few = 20000;

std::string output_of(const std::string& command) {
  std::FILE* const from = ::popen(command.c_str(), "r");
  if (from == nullptr) return "";
  std::string text;
  char block[512];
  while (const std::size_t count = std::fread(block, 1, sizeof block, from)) text.append(block, count);
  return ::pclose(from) == 0 ? text : "";
}

// "==12== Collected : 123456"; 0 if it did not work.
double collected(const std::string& cell, const std::string& contender, std::uint64_t operations) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string text =
      output_of("valgrind --tool=callgrind --callgrind-out-file=/dev/null '" + self + "' once " +
                cell + " " + contender + " " + std::to_string(operations) + " 2>&1");
  const std::size_t at = text.find("Collected : ");
  return at == std::string::npos ? 0 : std::stod(text.substr(at + 12));
}

}  // namespace

std::vector<instruction_count> count_instructions(
    const request& what, const std::function<void(const std::string&)>& shows) {
  std::vector<instruction_count> all;
  if (output_of("command -v valgrind").empty()) return all;
  for (const char* const cell : counted_cells) {
    for (const char* const contender : counted_contenders) {
      if (interrupted()) return all;
      if (!what.wants(contender)) continue;
      shows(std::string(cell) + " " + contender);
      const double once = collected(cell, contender, few);
      const double twice = collected(cell, contender, 2 * few);
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
