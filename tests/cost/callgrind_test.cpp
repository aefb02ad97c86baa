// SPDX-License-Identifier: BSL-1.0
// What the rows say they measure is what runs: under callgrind the fcontext row calls jump_fcontext
// at least once an operation, the asm row never.
#include <doctest/doctest.h>

#include "cost/cost_program.hpp"

using namespace weft_tests;

namespace {

constexpr int operations = 3000;

// How often jump_fcontext was entered while weft-cost did so many operations of a cell. weft goes to
// it by a jump out of its thunk, which callgrind counts like a call.
long jumps_in(const std::string& cell, const std::string& contender) {
  const temporary_folder folder;
  const fs::path file = folder.path() / "callgrind.out";
  const auto run = run_command("valgrind --tool=callgrind --callgrind-out-file=" + in_quotes(file) +
                               " " + in_quotes(from_environment("WEFT_COST")) + " once " + cell + " " +
                               contender + " " + std::to_string(operations));
  CAPTURE(run.output);
  REQUIRE(run.status == 0);
  // A record is "cfn=(id) name" and, a line on, "calls=N ..."; a name stands where its id comes first.
  std::string number;
  long calls = 0;
  bool is_next = false;
  for (const std::string& line : split_lines(read_file(file))) {
    const bool is_callee = starts_with(line, "cfn=");
    if (is_callee || starts_with(line, "fn=")) {
      const std::size_t from = line.find('(');
      const std::string id = line.substr(from, line.find(')') - from);
      if (holds(line, ") jump_fcontext")) number = id;
      is_next = is_callee && id == number;
    } else if (is_next && starts_with(line, "calls=")) {
      calls += std::stol(line.substr(6));
      is_next = false;
    }
  }
  return calls;
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
