// SPDX-License-Identifier: BSL-1.0
// Two flows and what passes between them: what every side of the sync rows does alike.
#pragma once

#include <cstddef>
#include <cstdint>

namespace cost {

// Which row: see sync_bench.cpp.
enum class message_kind {
  channel,        // one sends numbers, the other receives them
  across,         // the same, each on a core of its own
  local_channel,  // the same through what one thread alone may use
  mutex,          // lock and unlock, uncontended
  local_mutex,
  hand_over,  // two flows lock, yield and unlock in turn
  receive,    // from a buffer that is always full enough
  select,     // the same through a select over two
};

struct message_shape {
  message_kind kind;
  std::size_t capacity;
};

}  // namespace cost
