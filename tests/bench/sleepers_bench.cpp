// SPDX-License-Identifier: BSL-1.0
// sleepers: the processor time that 100,000 sleeping fibers take, from the first spawn to the last
// join. Go's is that of a whole process, which is started for it.
#include <algorithm>

#include "program.hpp"

namespace {

using namespace cost;

std::vector<row> rows(const arguments& given) {
  const std::size_t fibers = given.is_quick ? 1000 : 100000;
  const unsigned longest_ms = given.is_quick ? 50 : 1000;
  std::vector<row> all;
  for (const bool is_warm : {false, true}) {
    row one;
    one.name = std::to_string(fibers) + (is_warm ? " sleepers, stacks kept" : " sleepers");
    one.peer = boost_fiber;
    one.entries = entries_of(&side::sleepers, sleepers_shape{fibers, longest_ms, is_warm});
    one.goals = {{weft_asm, go, 0.8}, {weft_fcontext, go, 0.8}};
    all.push_back(std::move(one));
  }
  return all;
}

// Each operation lasts a second of real time: a third of the rounds will do.
std::vector<row_result> take(const row& what, const pace& how) {
  pace slow = how;
  slow.rounds = std::max(3U, how.rounds / 3);
  slow.is_one_operation = true;
  return {measure(what, slow)};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"sleepers", {"ms", 1e6, 1}, &rows, &take}, argc, argv);
}
