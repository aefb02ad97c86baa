// SPDX-License-Identifier: BSL-1.0
// Objects of the thread that change with its fibers (weft/fiber_owned.hpp), as the loop sees them.
// Layer: loop. A loop that has some marks each of its fibers, and its own context, with
// attention_owned: then every stop and every arrival passes switch.cpp, which calls these.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/owned_object.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

// A loop's part of what the process has.
struct owned_here {
  std::vector<std::shared_ptr<const owned_object>> objects;
  std::uint64_t seen = 0;  // how many changes of the process' list it knows
};

// Takes in what was made since the loop was last entered, and lets go of what is over. Main's
// values are in the objects now.  Throws: as add_owned(); what is missing then comes the next time.
void refresh_owned(loop& here);

// `self` stops, or goes on. The loop's own context has what main has. errno is kept.
void put_owned_aside(loop_core& here, fiber& self) noexcept;
void put_owned_back(loop_core& here, fiber& self) noexcept;

// Gives a new fiber its values, before its body; an exception is its error.
void begin_owned(loop_core& here, fiber& self) noexcept;

// Destroys them at its end. Their destructors are user code. Nothing for main, whose are the
// thread's.
void drop_owned(fiber& self) noexcept;

// The loop is closed: lets go of its list, and of main's empty values.
void end_owned(loop& here) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
