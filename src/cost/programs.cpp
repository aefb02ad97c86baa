// SPDX-License-Identifier: BSL-1.0
// See programs.hpp. Each half is measured in a process of its own: its time, what it takes from
// operator new, and how much memory its tasks need at the peak.
#include "cost/programs.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <map>
#include <new>
#include <regex>
#include <sstream>
#include <stdexcept>

#include "cost/apart.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {

std::uint64_t allocations_so_far();  // allocations.cpp

namespace {

struct half {
  const char* contender;
  const char* source;
  std::uint64_t (*run)(std::size_t tasks);
};

struct program {
  const char* id;
  const char* title;
  const char* what;
  std::size_t tasks;
  std::uint64_t answer_of_one;
  half halves[2];
};

#if COST_HAVE_WEFT_ASM
constexpr const char* fiber_contender = "asm";
#else
constexpr const char* fiber_contender = "fcontext";
#endif
constexpr const char* coroutine_contender = "c++20-malloc";

const std::vector<program>& programs() {
  static const std::vector<program> all = {
      {"echo", "Echo handler",
       "One operation is a connection: a handler reads a request of four words, helper by helper, "
       "and sends it back.", 1000, 10,
       {{fiber_contender, "echo_fiber", &echo_with_fibers},
        {coroutine_contender, "echo_coroutine", &echo_with_coroutines}}},
      {"tree", "Tree walk that waits at each node",
       "One operation is a walk over 31 nodes, each of which is loaded by a function that may wait.",
       1000, 496,
       {{fiber_contender, "tree_fiber", &tree_with_fibers},
        {coroutine_contender, "tree_coroutine", &tree_with_coroutines}}},
      {"pipeline", "Pipeline of three stages",
       "One operation is a pipeline: twenty numbers are made, squared and added up by three tasks.",
       500, 2870,
       {{fiber_contender, "pipeline_fiber", &pipeline_with_fibers},
        {coroutine_contender, "pipeline_coroutine", &pipeline_with_coroutines}}},
      {"retry", "Retry with timeout",
       "One operation is a client that gives up twice after a millisecond and then gets its answer. "
       "The fibers' version wraps the call; with co_await the deadline has to be handed down.",
       1000, 21,
       {{fiber_contender, "retry_fiber", &retry_with_fibers},
        {coroutine_contender, "retry_coroutine", &retry_with_coroutines}}},
  };
  return all;
}

double status_bytes(const char* name) {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name, 0) == 0) return std::stod(line.substr(line.find(':') + 1)) * 1024;
  }
  return 0;
}

// In the child. Cells: ns, allocations, bytes.
void measure_half(const program& which, const half& side, bool is_quick, reporter& to) {
  to.begins(side.contender);
  const double tasks = static_cast<double>(which.tasks);
  // Memory first: what is freed later would be used again unseen.
  side.run(1);
  const double before = status_bytes("VmRSS:");
  to.answered(side.contender, side.run(which.tasks));
  const double peak = std::max(status_bytes("VmHWM:"), status_bytes("VmRSS:"));
  to.took(2, side.contender, std::max(0.0, peak - before) / tasks);
  side.run(which.tasks);
  const std::uint64_t begun = allocations_so_far();
  side.run(which.tasks);
  to.took(1, side.contender, static_cast<double>(allocations_so_far() - begun) / tasks);
  for (int round = 0; round < (is_quick ? 10 : 20); ++round) {
    const double start = cpu_ns();
    side.run(which.tasks);
    to.took(0, side.contender, (cpu_ns() - start) / tasks);
  }
}

program_side measured_half(const program& which, const half& side, const request& what) {
  cell_group group;
  group.cells = {{"ns", "", "", 0}, {"allocations", "", "", 0}, {"bytes", "", "", 0}};
  group.expected = which.answer_of_one * which.tasks;
  group.most_seconds = 30;
  group.measure = [&](const request& wanted, reporter& to) {
    measure_half(which, side, wanted.is_quick, to);
  };
  request alone = what;
  alone.contenders = {side.contender};
  const findings found = measure_apart(group, alone, [](const std::string&) {});
  program_side result;
  result.contender = side.contender;
  result.source = program_source(side.source);
  result.lines = static_cast<int>(std::count(result.source.begin(), result.source.end(), '\n'));
  const auto at = found.find(side.contender);
  if (at == found.end() || !at->second.error.empty()) {
    result.answer = at == found.end() ? "not measured" : at->second.error;
    return result;
  }
  const finding& own = at->second;
  result.answer = std::to_string(own.answer);
  result.ns = own.samples[0];
  if (!own.samples[1].empty()) result.allocations = own.samples[1][0];
  if (!own.samples[2].empty()) result.bytes_per_task = own.samples[2][0];
  return result;
}

// Name -> what stands before it, of each function that begins at the margin.
std::map<std::string, std::string> function_heads(const std::string& source) {
  static const std::regex head(R"(^([a-z][\w:<>, *&]*?)\s+(\w+)\((.*))");
  std::map<std::string, std::string> all;
  std::istringstream lines(source);
  std::smatch match;
  for (std::string line; std::getline(lines, line);) {
    if (std::regex_match(line, match, head)) all[match[2]] = match[1].str() + " (" + match[3].str();
  }
  return all;
}

}  // namespace

std::vector<std::string> coloured_functions(const std::string& fibers,
                                            const std::string& coroutines) {
  const auto before = function_heads(fibers);
  std::vector<std::string> changed;
  for (const auto& [name, head] : function_heads(coroutines)) {
    const auto at = before.find(name);
    if (at == before.end() || at->second != head) changed.push_back(name);
  }
  return changed;
}

std::vector<program_result> measure_programs(const request& what) {
  std::vector<program_result> all;
  for (const program& each : programs()) {
    if (interrupted()) break;
    program_result one;
    one.id = each.id;
    one.title = each.title;
    one.what = each.what;
    for (const half& side : each.halves) {
      if (what.wants(side.contender)) one.sides.push_back(measured_half(each, side, what));
    }
    if (one.sides.empty()) continue;
    one.coloured = coloured_functions(program_source(each.halves[0].source),
                                      program_source(each.halves[1].source));
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace cost
