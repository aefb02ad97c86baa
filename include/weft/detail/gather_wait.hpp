// SPDX-License-Identifier: BSL-1.0
// The waiting of gather, without its types: many records, one waiter, no allocation.
// Layer: task. Called by gather.hpp; knows nothing of results.
#pragma once

#include <cstddef>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/loop_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class T>
struct gather_type {
  using type = T;
};

struct gather_room {
  fiber* waiting = nullptr;  // the gatherer while it is parked here
  fiber* const* records = nullptr;
  std::size_t count = 0;
  std::size_t pending = 0;
  fiber* failed = nullptr;  // the first that did not end with a value
};

struct gather_node : wait_node {
  gather_room* room = nullptr;
  bool stands_again = false;  // the same record stands further on: copy its result, do not move it
};

// Waits for all; on the first failure or the caller's own cancellation cancels and awaits the
// rest, then throws. Returns only if every record ended with a value; the results then count as
// taken.
WEFT_API void gather_wait(loop_core& here, fiber* const* records, gather_node* nodes,
                          std::size_t count);

}  // namespace detail
WEFT_NAMESPACE_END
