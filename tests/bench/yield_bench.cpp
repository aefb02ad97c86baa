// SPDX-License-Identifier: BSL-1.0
// yield: fibers that take turns, straight from their loop or from the end of a call chain.
#include "program.hpp"

namespace {

using namespace cost;

// All of them from the Goals; the nested co_awaits are the C++20 side of the same row.
std::vector<goal> goals_of(const yield_shape& shape) {
  if (shape.fibers == 1) return {};
  if (shape.fibers == 100000) {
    if (shape.calls_above != 0 || shape.is_mixed) return {};
    return {{weft_asm, boost_fiber, 0.10}, {weft_fcontext, boost_fiber, 0.12}};
  }
  if (shape.is_mixed && shape.calls_above == 0) return {};
  if (shape.is_mixed) return {{weft_asm, plain_fcontext, 1}, {weft_fcontext, plain_fcontext, 1}};
  if (shape.calls_above == 0) {
    return {{weft_asm, boost_fiber, 0.18},
            {weft_asm, coroutine_malloc, 2.5},
            {weft_inline, boost_fiber, 0.13},
            {weft_inline, coroutine_malloc, 2},
            {weft_fcontext, boost_fiber, 0.25}};
  }
  std::vector<goal> goals = {{weft_asm, boost_fiber, 0.25}, {weft_fcontext, boost_fiber, 0.3}};
  if (shape.calls_above == 4) goals.push_back({weft_asm, coroutine_malloc, 0.15});
  return goals;
}

row yields(const yield_shape& shape) {
  row result;
  result.name = std::to_string(shape.fibers) + (shape.fibers == 1 ? " fiber, " : " fibers, ") +
                std::to_string(shape.calls_above) + (shape.calls_above == 1 ? " call" : " calls");
  if (shape.is_mixed) result.name += ", two kinds";
  result.peer = boost_fiber;
  result.entries = entries_of(&side::yields, shape);
  result.goals = goals_of(shape);
  return result;
}

std::vector<row> rows(const arguments& given) {
  std::vector<row> all;
  for (const std::size_t fibers : {1U, 10U, 1000U, 100000U}) {
    if (given.is_quick && fibers == 100000) continue;
    for (const int calls : {0, 1, 4}) all.push_back(yields({fibers, calls, false}));
    if (fibers == 1) continue;
    for (const int calls : {0, 1, 4}) all.push_back(yields({fibers, calls, true}));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) { return run_program({"yield", {"ns", 1, 1}, &rows}, argc, argv); }
