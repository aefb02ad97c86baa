// SPDX-License-Identifier: BSL-1.0
// Stacks of a size, and the one that the caller runs on.
#pragma once

#include <cstddef>

#include "weft/detail/loop_core.hpp"
#include "weft/spawn.hpp"

namespace weft_tests {

constexpr std::size_t KiB = 1024;
constexpr std::size_t MiB = 1024 * KiB;

inline const weft::detail::stack* own_stack() {
  return weft::detail::running_loop()->current->bound;
}

inline weft::spawn_options of_size(std::size_t bytes) {
  weft::spawn_options how;
  how.stack_bytes = bytes;
  return how;
}

}  // namespace weft_tests
