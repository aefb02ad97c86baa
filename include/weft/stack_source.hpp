// SPDX-License-Identifier: BSL-1.0
// Where the memory of stacks comes from. Layer: stack. Replace it to place stacks in memory of
// your own or to make allocation fail in a test; weft brings anonymous mmap (the default).
#pragma once

#include <cstddef>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

// Hands out page-aligned, readable and writable, zeroed, lazily committed memory.
// Lifetime: must outlive every loop that uses it. Calls from: the loops' threads, so a source that
// serves several loops must be thread-safe.
class WEFT_API stack_source {
 public:
  virtual ~stack_source();

  // Returns `bytes` (a multiple of the page size) of memory, or nullptr if there is none.
  virtual void* map(std::size_t bytes) noexcept = 0;

  // Takes back exactly what map() returned: plain memory again, with whatever was left in it.
  virtual void unmap(void* memory, std::size_t bytes) noexcept = 0;
};

WEFT_NAMESPACE_END
