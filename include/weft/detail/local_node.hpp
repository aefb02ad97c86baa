// SPDX-License-Identifier: BSL-1.0
// What fiber_local<T> keeps in fibers: a chain of nodes, newest first, each one variable's value.
// Layer: loop. A child shares its parent's chain as it is at the spawn: one pointer, counted. A
// node that is shared never changes: whoever sets a variable copies the nodes up to its old one.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct local_node {
  std::atomic<std::uint32_t> references{1};  // heads of chains, and nodes before it
  std::uint64_t key = 0;
  local_node* next = nullptr;         // counted
  std::shared_ptr<const void> value;  // empty: hides an older one
};

// Never given out twice, as addresses of variables would be.
WEFT_API std::uint64_t new_local_key() noexcept;

// The variable's value in the calling fiber or thread; nullptr: it has none.
WEFT_API const std::shared_ptr<const void>* find_local(std::uint64_t key) noexcept;

// Sets it to what `made` holds, and lets go of what nobody else shares.
WEFT_API void set_local(std::unique_ptr<local_node> made) noexcept;

// Takes the variable's value away.  Throws: std::bad_alloc, with nothing done.
WEFT_API void reset_local(std::uint64_t key);

[[noreturn]] WEFT_API void throw_no_local();

}  // namespace detail
WEFT_NAMESPACE_END
