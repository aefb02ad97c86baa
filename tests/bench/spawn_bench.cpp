// SPDX-License-Identifier: BSL-1.0
// spawn + join of a task that does nothing.
#include "program.hpp"

namespace {

using namespace cost;

row spawns(const char* name, std::size_t batch, std::vector<goal> goals) {
  row result;
  result.name = name;
  result.peer = coroutine_malloc;
  result.entries = entries_of(&side::spawns, spawn_shape{batch});
  result.goals = std::move(goals);
  return result;
}

std::vector<row> rows(const arguments&) {
  return {spawns("one after another", 1,
                 {{weft_asm, coroutine_malloc, 1.0},
                  {weft_asm, boost_fiber, 0.05},
                  {weft_fcontext, boost_fiber, 0.07}}),
          spawns("batches of 10,000", 10000,
                 {{weft_asm, coroutine_malloc, 1.3},
                  {weft_asm, boost_fiber, 0.06},
                  {weft_fcontext, boost_fiber, 0.07}})};
}

}  // namespace

int main(int argc, char** argv) { return run_program({"spawn", {"ns", 1, 1}, &rows}, argc, argv); }
