// SPDX-License-Identifier: BSL-1.0
// weft-cost's command line: what it accepts, and what it says to what it does not.
#include <doctest/doctest.h>

#include <unistd.h>

#include "cost/cost_program.hpp"

using namespace weft_tests;

TEST_CASE("weft-cost: --help and --version leave with 0 and say what there is") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const auto help = weft_cost("--help");
  CHECK(help.status == 0);
  for (const char* command : {"run", "list", "compare", "plot", "explain"}) {
    CHECK(holds(help.output, command));
  }
  const auto version = weft_cost("--version");
  CHECK(version.status == 0);
  CHECK(starts_with(version.output, "weft-cost "));
  CHECK(weft_cost("run --help").status == 0);
}

TEST_CASE("weft-cost: bad usage leaves with 2 and names what would be right") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  CHECK(weft_cost("").status == 2);
  CHECK(weft_cost("run --nonsense").status == 2);
  CHECK(weft_cost("sing").status == 2);
  CHECK(weft_cost("compare only-one.json").status == 2);
  const auto workload = weft_cost("run --workload knitting");
  CHECK(workload.status == 2);
  CHECK(holds(workload.output, "there is no workload 'knitting'; there are: switch, yield"));
  const auto contender = weft_cost("run --contender cobol");
  CHECK(contender.status == 2);
  CHECK(holds(contender.output, "there is no contender 'cobol'; there are: fcontext, asm"));
  CHECK(weft_cost("explain knitting").status == 2);
}

TEST_CASE("weft-cost: list names every workload, explain each of them") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const auto list = weft_cost("list");
  CHECK(list.status == 0);
  for (const char* id : {"switch", "yield", "depth", "cold", "spawn", "chain", "resume", "tree",
                         "flat", "channel", "mpmc", "ring", "skynet", "fib", "timers", "parked",
                         "ping", "echo", "size", "compile"}) {
    CAPTURE(id);
    CHECK(holds(list.output, std::string("\n  ") + id + " "));
    const auto explained = weft_cost(std::string("explain ") + id);
    CHECK(explained.status == 0);
    CHECK(holds(explained.output, "Choose stackless when"));
  }
}

TEST_CASE("weft-cost: a file that is missing, no JSON, or another program's is named") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const temporary_folder folder;
  const std::string where = in_quotes(folder.path());
  folder.write("words.json", "these are words");
  folder.write("other.json", "{\"name\": \"something else\"}");
  folder.write("newer.json", "{\"format\": \"weft-cost\", \"version\": 99}");
  folder.write("torn.json", "{\"format\": \"weft-cost\", \"version\": 1, \"command\": 7}");
  const auto says = [&](const char* file, const char* what) {
    const auto result = weft_cost("plot " + where + "/" + file);
    CAPTURE(result.output);
    CHECK(result.status == 1);
    CHECK(holds(result.output, what));
  };
  says("none.json", "cannot read");
  says("words.json", "is no JSON");
  says("other.json", "is no report of weft-cost");
  says("newer.json", "is of another version of the format");
  says("torn.json", "is no sound report of weft-cost");
}

TEST_CASE("weft-cost: a file that can't be written is said before anything is measured") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const auto result = weft_cost("run --quick --json /nonexistent-folder/report.json");
  CHECK(result.status == 1);
  CHECK(holds(result.output, "cannot write /nonexistent-folder/report.json: No such file"));
  CHECK_FALSE(holds(result.output, "Switch"));
}

TEST_CASE("weft-cost: Ctrl-C leaves with 130 and a report of what was measured so far") {
  if (!has_cost()) WEFT_SKIP(no_cost);
  const temporary_folder folder;
  const fs::path file = folder.path() / "part.json";
  // The first table is printed once it is measured: then Ctrl-C, in the middle of the next.
  const auto result = run_command(
      "{ " + in_quotes(from_environment("WEFT_COST")) + " run --workload switch --workload yield "
      "--workload depth --contender c++20 --contender asm --json " + in_quotes(file) +
      " & echo $! >" + in_quotes(folder.path() / "pid") + "; wait $!; echo left with $? >&2; } | "
      "{ grep -q -m 1 '(switch)'; kill -INT $(cat " + in_quotes(folder.path() / "pid") +
      "); cat >/dev/null; }");
  CAPTURE(result.output);
  CHECK(holds(result.output, "interrupted; what was measured so far is in the report"));
  CHECK(holds(result.output, "left with 130"));
  const auto report = read_json(file);
  CHECK(report["is_complete"] == false);
  REQUIRE(report["workloads"].size() >= 1);
  CHECK(report["workloads"][0]["id"] == "switch");
}
