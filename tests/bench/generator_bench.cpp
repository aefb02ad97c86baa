// SPDX-License-Identifier: BSL-1.0
// generator: a value yielded and asked for. By a recursion that walks a tree in order, made anew
// for each walk; by a loop that counts.
#include "program.hpp"

namespace {

using namespace cost;

std::vector<row> rows(const arguments& given) {
  const std::size_t nodes = given.is_quick ? std::size_t{1} << 16 : std::size_t{1} << 20;
  row walk;
  walk.name = "tree of " + std::to_string(nodes);
  walk.peer = coroutine;
  walk.entries = entries_of(&side::generators, generator_shape{nodes});
  walk.goals = {{weft_asm, coroutine, 0.55},     {weft_asm, coroutine2, 0.55},
                {weft_inline, coroutine, 0.4},   {weft_inline, coroutine2, 0.4},
                {weft_fcontext, coroutine, 1.0}, {weft_fcontext, coroutine2, 1.0}};
  row flat;
  flat.name = "a loop";
  flat.peer = coroutine;
  flat.entries = entries_of(&side::generators, generator_shape{0});
  flat.goals = {
      {weft_asm, coroutine, 3.0}, {weft_inline, coroutine, 1.5}, {weft_fcontext, coroutine, 6.0}};
  return {walk, flat};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"generator", {"ns", 1, 1}, &rows}, argc, argv);
}
