// SPDX-License-Identifier: BSL-1.0
// Where the built examples are. Used by the tests of suite 'examples'.
#pragma once

#include <string>

#include "structure/source_tree.hpp"

namespace weft_tests {

constexpr const char* not_built = "the examples are not built (-Dexamples=disabled)";

inline fs::path program(const std::string& name) {
  return fs::path(from_environment("WEFT_EXAMPLES_DIR")) / name;
}

inline bool are_built() { return fs::exists(program("hello")); }

}  // namespace weft_tests
