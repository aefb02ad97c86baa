// SPDX-License-Identifier: BSL-1.0
// Both backends in one program, and the same checks for each: the files beside this one, compiled
// once with -DWEFT_CONTEXT_ASM=0 and once with 1. This one is compiled once.
#include <set>
#include <sstream>
#include <string>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"

#if WEFT_TESTS_BOTH_BACKENDS
extern "C" {
extern const char weft_abi_0_built_with_context_fcontext;
extern const char weft_abi_0_built_with_context_asm;
void weft_v0_fcontext_context_switch(void*, void*);
void weft_v0_asm_context_switch(void*, void*);
}

TEST_CASE("conformance: one program holds both backends, each with its switch and its tag") {
  CHECK(&weft_abi_0_built_with_context_fcontext != &weft_abi_0_built_with_context_asm);
  CHECK(reinterpret_cast<void*>(&weft_v0_fcontext_context_switch) !=
        reinterpret_cast<void*>(&weft_v0_asm_context_switch));
}

TEST_CASE("conformance: both backends make the same promises") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_programs_under_emulation);
  const auto listing = weft_tests::run_program(
      {weft_tests::this_program(), "--list-test-cases", "--no-colors=true"});
  std::set<std::string> promises[2];
  std::istringstream lines(listing.output);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("asm: ", 0) == 0) promises[0].insert(line.substr(5));
    if (line.rfind("fcontext: ", 0) == 0) promises[1].insert(line.substr(10));
  }
  CAPTURE(listing.output);
  CHECK(promises[0] == promises[1]);
  CHECK(promises[0].size() >= 25);
}
#else
TEST_CASE("conformance: one program holds both backends, each with its switch and its tag") {
  WEFT_SKIP("only one backend can be built here");
}
#endif
