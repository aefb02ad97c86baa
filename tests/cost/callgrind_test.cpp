// SPDX-License-Identifier: BSL-1.0
// What the rows say they measure is what runs: under callgrind the fcontext row calls jump_fcontext
// at least once an operation, the asm row never.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "cost/cost_program.hpp"

using namespace weft_tests;

namespace {

constexpr int operations = 3000;

// How often jump_fcontext ran while weft-cost did so many operations of a cell: how often its busiest
// instruction did. Calls would not do: callgrind takes half of the switches for returns.
long jumps_in(const std::string& cell, const std::string& contender) {
  const temporary_folder folder;
  const fs::path file = folder.path() / "callgrind.out";
  const auto run = run_command(
      "valgrind --tool=callgrind --dump-instr=yes --compress-pos=no --callgrind-out-file=" +
      in_quotes(file) + " " + in_quotes(from_environment("WEFT_COST")) + " once " + cell + " " +
      contender + " " + std::to_string(operations));
  CAPTURE(run.output);
  REQUIRE(run.status == 0);
  // "fn=(id) name", its name only the first time; then "ADDRESS LINE COUNT" for each instruction, and
  // after "calls=" one line that is the callee's.
  std::set<std::string> numbers;  // it is there twice where it calls itself: jump_fcontext'2
  bool is_inside = false;
  bool is_callees = false;
  std::map<std::string, long> counts;  // by address
  for (const std::string& line : split_lines(read_file(file))) {
    const bool is_callee = starts_with(line, "cfn=");
    if (is_callee || starts_with(line, "fn=")) {
      const std::size_t from = line.find('(');
      const std::string id = line.substr(from, line.find(')') - from);
      if (holds(line, ") jump_fcontext")) numbers.insert(id);
      if (!is_callee) is_inside = numbers.count(id) != 0;
    } else if (starts_with(line, "calls=")) {
      is_callees = true;
    } else if (is_inside && starts_with(line, "0x")) {
      if (!is_callees) {
        counts[line.substr(0, line.find(' '))] += std::stol(line.substr(line.rfind(' ') + 1));
      }
      is_callees = false;
    }
  }
  long most = 0;
  for (const auto& each : counts) most = std::max(most, each.second);
  return most;
}

bool has_valgrind() { return run_command("command -v valgrind").status == 0; }

}  // namespace

TEST_CASE("weft-cost: the fcontext rows call jump_fcontext once an operation or more") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  if (!has_valgrind()) WEFT_SKIP("valgrind is not installed");
  CHECK(jumps_in("switch/2/alike", "fcontext") >= operations);
  CHECK(jumps_in("yield/10/0", "fcontext") >= operations);
  CHECK(jumps_in("switch/2/alike", "fcontext-plain") >= operations);
}

TEST_CASE("weft-cost: the asm rows never call jump_fcontext") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  if (!has_valgrind()) WEFT_SKIP("valgrind is not installed");
  CHECK(jumps_in("switch/2/alike", "asm") == 0);
  CHECK(jumps_in("yield/10/0", "asm") == 0);
  CHECK(jumps_in("yield/10/0", "asm-inline") == 0);
}
