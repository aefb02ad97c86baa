// SPDX-License-Identifier: BSL-1.0
// chain: a call chain made anew for each yield at its leaf. An operation is the chain's whole life:
// the calls, the yield, the other fiber's yield, the returns.
#include "program.hpp"

namespace {

using namespace cost;

std::vector<row> rows(const arguments&) {
  std::vector<row> all;
  for (const unsigned depth : {1U, 4U, 16U, 64U}) {
    row one;
    one.name = "depth " + std::to_string(depth);
    one.peer = coroutine_malloc;
    one.entries = entries_of(&side::chains, chain_shape{depth});
    if (depth == 64) one.goals = {{weft_asm, coroutine_malloc, 0.05}, {weft_fcontext, coroutine_malloc, 0.1}};
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) { return run_program({"chain", {"ns", 1, 1}, &rows}, argc, argv); }
