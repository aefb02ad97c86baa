// SPDX-License-Identifier: BSL-1.0
// What the fiber halves of the programs stand on: a loop that keeps its stacks from run to run.
#pragma once

#include <weft/weft.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>

namespace cost {
namespace {

std::uint64_t run_fibers(std::uint64_t (*main)(std::size_t), std::size_t tasks) {
  static weft::options how = [] {
    weft::options quiet;
    quiet.handle_sigint = false;
    quiet.overflow = weft::overflow_report::never;
    quiet.slow_step = std::chrono::hours(1);  // watched as ever, but a long run is no stall
    quiet.cached_stacks = 4096;
    return quiet;
  }();
  static weft::runner loop(how);
  return loop.run([&] { return main(tasks); });
}

}  // namespace
}  // namespace cost
