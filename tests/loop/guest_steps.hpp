// SPDX-License-Identifier: BSL-1.0
// What a host does in the tests of guests: look at the descriptor, and step.
#pragma once

#include <poll.h>

#include "weft/run.hpp"
#include "weft/time.hpp"

namespace weft_tests {

inline bool is_readable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return poll(&one, 1, 0) == 1;
}

// True if it became so in time.
inline bool becomes_readable(int fd) {
  pollfd one{fd, POLLIN, 0};
  return poll(&one, 1, 20'000) == 1;
}

// Steps until nothing is ready, and no descriptor has news.
inline void settle(weft::runner& guest) {
  while (guest.step() == weft::duration::zero() || is_readable(guest.pollable_fd())) {
  }
}

}  // namespace weft_tests
