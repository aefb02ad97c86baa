// SPDX-License-Identifier: BSL-1.0
// explore() on programs with many orders, and a seed that means the same in every process.
#include "weft/explore.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "task/explored.hpp"
#include "task/explored_program.hpp"

using namespace weft_tests;
using namespace std::chrono_literals;
using weft::testing::check;
using weft::testing::explore_options;
using weft::testing::reduction;
using weft::testing::shared;

namespace {

// Fails in few of its orders; a timeout and a lost update have to come together.
void rare_failure() {
  shared<int> count(0, "count");
  bool is_late = false;
  const auto add = [&] { count = count + 1; };
  weft::gather(add, add, [&] { is_late = !weft::move_on_after(1h, [] { steps(3)(); }); });
  check(count.peek() == 2 || !is_late, "late, and an update lost");
}

constexpr const char* rare_case = "explore: a rare failure is found and repeated by its seed";

}  // namespace

TEST_CASE_FIXTURE(exploring, "explore: three fibers of four steps have 34,650 orders") {
  const auto seconds_of = [](auto&& body) {
    const auto began = std::chrono::steady_clock::now();
    body();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  const auto program = [] { weft::gather(steps(4), steps(4), steps(4)); };
  weft::options how;
  how.stacks = &stacks;
  how.slow_step = 0ms;
  constexpr int plain_runs = 1'000;
  const double plain = seconds_of([&] {
    for (int i = 0; i < plain_runs; ++i) weft::run(how, program);
  });
  weft::testing::explore_result found;
  const double explored = seconds_of([&] { found = explore(program); });
  CHECK(found.exhaustive);
  CHECK(found.schedules == 34'650);
  // Less than a run of its own, which opens descriptors: so under a sanitizer, on a slow machine.
  const double ratio = explored / 34'650 / (plain / plain_runs);
  MESSAGE("34,650 schedules took ", explored, " s, each ", ratio, " times a run");
  CHECK(ratio < 0.5 * static_cast<double>(scaled(1, 2)));
}

// Run once more by the case below, with a seed: then it prints the report, and runs one schedule.
TEST_CASE(rare_case) {
  const bool is_replay = std::getenv("WEFT_EXPLORE_SEED") != nullptr;
  explore_options how;
  how.print = is_replay;
  const auto found = weft::testing::explore(rare_failure, how);
  CHECK(found.failed);
  if (is_replay) CHECK(found.schedules == 1);
}

TEST_CASE("explore: a seed fails in the same way in 100 new processes of 100") {
  explore_options quiet;
  quiet.print = false;
  const auto found = weft::testing::explore(rare_failure, quiet);
  REQUIRE(found.failed);
  setenv("WEFT_EXPLORE_SEED", found.seed.c_str(), 1);
  const std::string expected = "weft: explore: schedule 1 failed: " + found.failure + "\n" +
                               found.timeline + "\n  again: WEFT_EXPLORE_SEED=" + found.seed + "\n";
  int failed_again = 0;
  const int count = static_cast<int>(scaled(100, 5));
  for (int i = 0; i < count; ++i) {
    const child_end end = run_program({this_program(), std::string("--test-case=") + rare_case});
    failed_again += end.status == 0 && end.says(expected);
  }
  unsetenv("WEFT_EXPLORE_SEED");
  CHECK(failed_again == count);
}

TEST_CASE_FIXTURE(exploring,
                  "explore: each reduction leads to the ends of all orders, many programs") {
  const unsigned count = static_cast<unsigned>(scaled(120, 8));
  for (unsigned seed = 1000; seed < 1000 + count; ++seed) {
    CAPTURE(seed);
    const explored_program program(seed, 3, 2 + seed % 2);
    explore_options how;
    weft::testing::explore_result found;
    const auto ends = program.ends(how, found);
    CHECK(found.exhaustive);
    how.reduce = reduction::declared_steps;
    CHECK(program.ends(how, found) == ends);
    how.reduce = reduction::all_steps;
    CHECK(program.ends(how, found) == ends);
  }
}
