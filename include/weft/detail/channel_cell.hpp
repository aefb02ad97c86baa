// SPDX-License-Identifier: BSL-1.0
// A place for one value in a channel. Layer: sync.
#pragma once

#include <cstdint>
#include <type_traits>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

enum class channel_cell_state : std::uint8_t { empty, filling, full, draining, failed };

// What is moved as bytes is never seen half moved: its cell is full or empty by its place alone.
struct unmarked_cell {
  WEFT_INLINE void mark(channel_cell_state) noexcept {}
  WEFT_INLINE bool is(channel_cell_state asked) const noexcept {
    return asked != channel_cell_state::failed;
  }
};

struct marked_cell {
  void mark(channel_cell_state now) noexcept { state = now; }
  bool is(channel_cell_state asked) const noexcept { return state == asked; }
  channel_cell_state state = channel_cell_state::empty;
};

template <class T, bool MovesAsBytes>
struct channel_cell : std::conditional_t<MovesAsBytes, unmarked_cell, marked_cell> {
  channel_cell() noexcept {}
  ~channel_cell() {}
  union {
    T value;
  };
};

}  // namespace detail
WEFT_NAMESPACE_END
