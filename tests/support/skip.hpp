// SPDX-License-Identifier: BSL-1.0
// WEFT_SKIP(reason): leaves a test case that can't prove anything on this machine.
// doctest knows no skip at run time, so the case prints one line, `[skip] <name>: <reason>`, and
// returns; tests/support/sum_up.py takes it off the passed ones. Only for what the machine lacks
// (a kernel feature, a tool, root), never for a test that fails.
#pragma once

#include <cstdio>

#include <doctest/doctest.h>

namespace weft_tests {

inline void print_skip(const char* reason) {
  const auto* running = doctest::getContextOptions()->currentTest;
  const char* name = running != nullptr ? running->m_name : "(outside a test case)";
  std::printf("[skip] %s: %s\n", name, reason);
  std::fflush(stdout);  // a later crash must not swallow the line
}

}  // namespace weft_tests

// Takes a string literal or any `const char*`. Returns from the calling void function, so it stands
// in the test case itself, on its first lines, before anything was started.
#define WEFT_SKIP(reason)               \
  do {                                  \
    ::weft_tests::print_skip((reason)); \
    return;                             \
  } while (false)
