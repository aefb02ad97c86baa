// SPDX-License-Identifier: BSL-1.0
// The seed of tests that draw random numbers: WEFT_TEST_SEED if it is set, else the same every
// time. Print it (CAPTURE) where a failure would show it.
#pragma once

#include <cstdlib>

namespace weft_tests {

inline unsigned seed_of_this_run() {
  const char* const given = std::getenv("WEFT_TEST_SEED");
  return given != nullptr ? static_cast<unsigned>(std::strtoul(given, nullptr, 10)) : 20'240'229U;
}

}  // namespace weft_tests
