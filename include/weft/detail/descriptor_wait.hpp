// SPDX-License-Identifier: BSL-1.0
// Who waits for a descriptor, and which way. Layer: loop. Lies in the waiter's frame; the slot of
// the descriptor (src/loop/descriptor_table.hpp) points at it meanwhile.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct fiber;

// To read, to write, for the peer's end, for urgent data, or for an error alone.
enum class direction : std::uint8_t { read, write, hangup, urgent, failure };
inline constexpr std::size_t directions = 5;

// A descriptor and its use: `id` as weft gave it to one of its own; 0: a number from elsewhere.
struct descriptor_key {
  int fd = -1;
  std::uint32_t id = 0;
};

struct descriptor_wait {
  fiber* owner = nullptr;
  int happened = 0;  // POLLIN, POLLOUT, POLLERR, POLLHUP; or -errno
  // Of who has more to do than to go on: called in place of waking `owner`, in the idle context or
  // in a fiber of the same loop. The slot points at the wait no more; the descriptor is open still.
  void (*notify)(descriptor_wait& self) noexcept = nullptr;
  descriptor_wait* also[directions] = {};  // who waits for the same, behind this one
};

}  // namespace detail
WEFT_NAMESPACE_END
