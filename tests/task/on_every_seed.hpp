// SPDX-License-Identifier: BSL-1.0
// The fixture of promises that hold in every order of events: runs a body once first in, first out,
// and then under many seeds, each time in a new loop on a virtual clock of its own. The failure
// prints the seed; `WEFT_TEST_FIRST_SEED=n WEFT_TEST_SEEDS=1` runs that one alone.
// TEST_CASE_FIXTURE(weft_tests::on_every_seed, "sem 11: ...") { run([] { ... }); }
#pragma once

#include <cstdint>
#include <cstdlib>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/testing.hpp"

namespace weft_tests {

inline std::uint64_t seed_setting(const char* name, std::uint64_t unset) {
  const char* const given = std::getenv(name);
  return given != nullptr ? std::strtoull(given, nullptr, 10) : unset;
}

class on_every_seed : public no_leaks {
 public:
  // The body is called many times: it declares all that it changes itself.
  template <class F>
  void run(F body) {
    const std::uint64_t first = seed_setting("WEFT_TEST_FIRST_SEED", 0);
    const std::uint64_t count = seed_setting("WEFT_TEST_SEEDS", scaled(1000, 50));
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      INFO("seed " << seed);
      weft::testing::virtual_clock clock;
      weft::options how;
      how.time = &clock;
      how.seed = seed;
      how.stacks = &stacks;
      how.handle_sigint = false;
      how.overflow = weft::overflow_report::never;  // two system calls less for each run
      weft::run(how, body);
    }
  }
};

}  // namespace weft_tests
