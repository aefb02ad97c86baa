// SPDX-License-Identifier: BSL-1.0
// What the layers above need to know of a fiber's stack. Layer: stack. Owned by the loop's
// stack_pool; bound to a fiber when it first runs, returned by that fiber's successor.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct stack_slab;

enum class guard_kind : std::uint8_t {
  none,     // below the limit lies another stack: only a canary at the limit tells
  protect,  // PROT_NONE pages: two mappings of vm.max_map_count each
  install,  // MADV_GUARD_INSTALL: no mapping of its own (Linux 6.13)
};

struct stack {
  char* top = nullptr;    // high end, staggered; the first frame starts below it
  char* limit = nullptr;  // low end: the first byte that may still be used
  stack_slab* slab = nullptr;
  stack* next = nullptr;       // in a free list, the pool's; borrowed: the stack that waits below
  void* tsan_fiber = nullptr;  // ThreadSanitizer's handle, made once per stack
  void* fake_stack = nullptr;  // AddressSanitizer's, while the fiber on this one is suspended
  std::size_t guard_bytes = 0;
  unsigned valgrind_id = 0;
  guard_kind guard = guard_kind::none;
  bool is_borrowed = false;   // for the time of a with_stack() call
  bool is_generator = false;  // a generator's body runs on it

  std::size_t usable_bytes() const noexcept { return static_cast<std::size_t>(top - limit); }

  // The size that was asked for: tops are staggered by less than a page.
  std::size_t size_bytes() const noexcept { return (usable_bytes() + 4095) / 4096 * 4096; }
};

}  // namespace detail
WEFT_NAMESPACE_END
