// SPDX-License-Identifier: BSL-1.0
// The goals: ratios inside one run, because absolute times differ by a factor of two from machine
// to machine. See goals.hpp.
#include "cost/goals.hpp"

#include "cost/format.hpp"
#include "cost/table.hpp"

namespace cost {
namespace {

struct goal_of {
  const char* what;
  const char* cell;
  const char* contender;
  const char* peer;
  double at_most;
};

// 4.7 KB of stack, 0.6 KB of page tables and record.
constexpr double parked_bytes = 5.3 * 1024;

// No system packages Photon, so no build has it: its goals are shown, and say "not measured".
constexpr goal_of goals[] = {
    {"switch, 2 contexts", "switch/2/alike", "asm", "fcontext-plain", 0.75},
    {"switch, 2 contexts", "switch/2/alike", "asm-inline", "fcontext-plain", 0.4},
    {"switch, 2 contexts", "switch/2/alike", "fcontext", "fcontext-plain", 1.1},
    {"switch, FP flags differ", "switch/2/flags", "asm", "fcontext-plain", 0.1},
    {"yield, 10 tasks", "yield/10/0", "asm", "boost.fiber", 0.18},
    {"yield, 10 tasks", "yield/10/0", "asm", "c++20", 2.5},
    {"yield, 10 tasks", "yield/10/0", "asm-inline", "boost.fiber", 0.13},
    {"yield, 10 tasks", "yield/10/0", "asm-inline", "c++20", 2},
    {"yield, 10 tasks", "yield/10/0", "fcontext", "boost.fiber", 0.25},
    {"yield, 10 tasks", "yield/10/0", "asm", "photon", 0.3},
    {"yield, 10 tasks", "yield/10/0", "asm-inline", "photon", 0.2},
    {"yield, 1,000 tasks", "yield/1000/0", "asm", "boost.fiber", 0.18},
    {"yield, 1,000 tasks", "yield/1000/0", "asm", "c++20", 2.5},
    {"yield, 1,000 tasks", "yield/1000/0", "asm-inline", "boost.fiber", 0.13},
    {"yield, 1,000 tasks", "yield/1000/0", "asm-inline", "c++20", 2},
    {"yield, 1,000 tasks", "yield/1000/0", "fcontext", "boost.fiber", 0.25},
    {"yield, 1,000 tasks", "yield/1000/0", "asm", "photon", 0.3},
    {"yield, 1,000 tasks", "yield/1000/0", "asm-inline", "photon", 0.2},
    {"yield after one call", "depth/10/1", "asm", "boost.fiber", 0.25},
    {"yield after one call", "depth/10/1", "fcontext", "boost.fiber", 0.3},
    {"yield after four calls", "depth/10/4", "asm", "boost.fiber", 0.25},
    {"yield after four calls", "depth/10/4", "asm", "c++20-malloc", 0.15},
    {"yield after four calls", "depth/10/4", "fcontext", "boost.fiber", 0.3},
    {"after one call, two kinds", "depth/10/1/mixed", "asm", "fcontext-plain", 1},
    {"after one call, two kinds", "depth/10/1/mixed", "fcontext", "fcontext-plain", 1},
    {"after four calls, two kinds", "depth/10/4/mixed", "asm", "fcontext-plain", 1},
    {"after four calls, two kinds", "depth/10/4/mixed", "fcontext", "fcontext-plain", 1},
    {"yield, 100,000 tasks", "yield/100000/0", "asm", "boost.fiber", 0.1},
    {"yield, 100,000 tasks", "yield/100000/0", "fcontext", "boost.fiber", 0.12},
    {"yield, 100,000 tasks", "yield/100000/0", "asm", "photon", 0.05},
    {"create and join one", "spawn/1", "asm", "c++20-malloc", 1},
    {"create and join one", "spawn/1", "asm", "boost.fiber", 0.05},
    {"create and join one", "spawn/1", "fcontext", "boost.fiber", 0.07},
    {"create and join 10,000", "spawn/10000", "asm", "c++20-malloc", 1.3},
    {"create and join 10,000", "spawn/10000", "asm", "boost.fiber", 0.06},
    {"create and join 10,000", "spawn/10000", "fcontext", "boost.fiber", 0.07},
    {"channel message", "channel/0", "asm", "boost.fiber", 0.1},
    {"channel message", "channel/0", "asm", "go", 0.1},
    {"channel message", "channel/0", "fcontext", "boost.fiber", 0.15},
    {"channel message", "channel/0", "fcontext", "go", 0.15},
    {"local channel message", "channel/local/0", "asm", "c++20", 2},
    {"tree generator", "tree/1048576", "asm", "c++20", 0.55},
    {"tree generator", "tree/1048576", "asm", "boost.coroutine2", 0.55},
    {"tree generator", "tree/1048576", "asm-inline", "c++20", 0.4},
    {"tree generator", "tree/1048576", "fcontext", "c++20", 1},
    {"tree generator", "tree/1048576", "fcontext", "boost.coroutine2", 1},
    {"flat generator", "flat/1", "asm", "c++20", 3},
    {"flat generator", "flat/1", "asm-inline", "c++20", 1.5},
    {"flat generator", "flat/1", "fcontext", "c++20", 6},
    {"fresh chain of 64", "chain/64", "asm", "c++20-malloc", 0.05},
    {"fresh chain of 64", "chain/64", "fcontext", "c++20-malloc", 0.1},
    {"parked, 100,000", "parked/100000", "asm", "", parked_bytes},
    {"parked, 100,000", "parked/100000", "fcontext", "", parked_bytes},
    {"parked, 1,000,000", "parked/1000000", "asm", "", parked_bytes},
    {"parked, 1,000,000", "parked/1000000", "fcontext", "", parked_bytes},
    {"100,000 sleepers", "timers/100000", "asm", "go", 0.8},
    {"100,000 sleepers", "timers/100000", "fcontext", "go", 0.8},
    {"echo, 100 connections", "echo/100", "asm", "epoll", 1.03},
    {"echo, 100 connections", "echo/100", "fcontext", "epoll", 1.03},
    {"echo, 1,000 connections", "echo/1000", "asm", "epoll", 1.08},
    {"echo, 1,000 connections", "echo/1000", "fcontext", "epoll", 1.08},
};

goal_result judge_one(const report& from, const goal_of& goal) {
  goal_result result{goal.what, goal.cell, goal.contender, goal.peer, goal.at_most, false, 0};
  const cell_result* const cell = from.find_cell(goal.cell);
  const measured* const own = cell == nullptr ? nullptr : cell->find(goal.contender);
  if (own == nullptr) return result;
  if (*goal.peer == '\0') {
    result.is_measured = true;
    result.reached = own->stats.median;
  } else if (const measured* const peer = cell->find(goal.peer)) {
    result.is_measured = true;
    result.reached = paired_ratio(own->samples, peer->samples);
  }
  return result;
}

}  // namespace

std::vector<goal_result> judge_goals(const report& from) {
  std::vector<goal_result> all;
  for (const goal_of& each : goals) all.push_back(judge_one(from, each));
  return all;
}

std::string goals_table(const report& from) {
  std::vector<std::vector<std::string>> rows = {{"goal", "", "at most", "is", ""}};
  std::size_t met = 0;
  std::size_t measured_count = 0;
  for (const goal_result& each : judge_goals(from)) {
    const bool is_ratio = !each.peer.empty();
    const std::string unit = is_ratio ? "x" : "";
    rows.push_back({each.what, each.contender,
                    short_number(each.at_most) + unit + (is_ratio ? " " + each.peer : " bytes"),
                    each.is_measured ? short_number(each.reached) + unit : "-",
                    !each.is_measured ? "not measured"
                    : each.is_met()   ? "reached"
                                      : "missed"});
    measured_count += each.is_measured;
    met += each.is_met();
  }
  return "Goals\n" + aligned(rows) + "  " + std::to_string(met) + " of " +
         std::to_string(measured_count) + " that were measured are reached\n\n";
}

}  // namespace cost
