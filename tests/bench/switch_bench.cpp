// SPDX-License-Identifier: BSL-1.0
// switch: from one bare context to the next in a ring, without a scheduler.
#include "program.hpp"

namespace {

using namespace cost;

row switches(std::size_t contexts, sticky_flags flags, bool is_mixed, std::vector<goal> goals) {
  row result;
  result.name = std::to_string(contexts) + " contexts";
  if (flags == sticky_flags::differing) result.name += ", flags differ";
  if (is_mixed) result.name += ", two kinds";
  result.peer = plain_fcontext;
  result.entries = entries_of(&side::switches, switch_shape{contexts, flags, is_mixed});
  result.goals = std::move(goals);
  return result;
}

std::vector<row> rows(const arguments& given) {
  std::vector<row> all = {
      switches(2, sticky_flags::equal, false,
               {{weft_asm, plain_fcontext, 0.75},
                {weft_inline, plain_fcontext, 0.4},
                {weft_fcontext, plain_fcontext, 1.1}}),
      switches(2, sticky_flags::equal, true, {}),
      switches(1000, sticky_flags::equal, false, {}),
  };
#if defined(__x86_64__)  // elsewhere a switch keeps no sticky flags
  all.push_back(switches(2, sticky_flags::differing, false,
                         {{weft_asm, plain_fcontext, 0.1},
                          {weft_inline, plain_fcontext, 0.1},
                          {weft_fcontext, plain_fcontext, 1.1}}));
  all.push_back(switches(1000, sticky_flags::differing, false, {}));
#endif
  if (given.is_quick) return all;
  all.push_back(switches(100000, sticky_flags::equal, false, {}));
#if defined(__x86_64__)
  all.push_back(switches(100000, sticky_flags::differing, false, {}));
#endif
  return all;
}

}  // namespace

int main(int argc, char** argv) { return run_program({"switch", {"ns", 1, 1}, &rows}, argc, argv); }
