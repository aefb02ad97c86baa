// SPDX-License-Identifier: BSL-1.0
// The fixture of tests in which time passes: no_leaks, on a clock that jumps. A test that sleeps
// for an hour takes microseconds, and always the same ones.
// TEST_CASE_FIXTURE(weft_tests::on_virtual_time, "...") { run([] { weft::await_sleep(1h); }); }
#pragma once

#include <cstdint>
#include <utility>

#include "support/no_leaks.hpp"
#include "weft/testing.hpp"

namespace weft_tests {

class on_virtual_time : public no_leaks {
 public:
  template <class F>
  auto run(F&& body) -> decltype(body()) {
    return no_leaks::run(how(), std::forward<F>(body));
  }

  // The same in a reproducible shuffle.
  template <class F>
  auto run_seeded(std::uint64_t seed, F&& body) -> decltype(body()) {
    weft::options shuffled = how();
    shuffled.seed = seed;
    return no_leaks::run(shuffled, std::forward<F>(body));
  }

  weft::options how() {
    weft::options now_virtual;
    now_virtual.time = &clock;
    now_virtual.stacks = &stacks;
    return now_virtual;
  }

  weft::testing::virtual_clock clock;
};

}  // namespace weft_tests
