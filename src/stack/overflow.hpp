// SPDX-License-Identifier: BSL-1.0
// Turns a fault on a guard page into a message that names the fiber. Layer: stack. Entered and
// left by the loop; who runs on a stack comes through a window that the loop fills.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Whose guard an address lies in. Plain data: filled in a signal handler.
struct overflow_victim {
  std::uint64_t id = 0;
  const char* name = "";
  std::size_t name_bytes = 0;
  std::size_t stack_bytes = 0;
  bool is_borrowed = false;   // a stack that with_stack() brought
  bool is_generator = false;  // a generator's
};

// True if `address` lies in the guard of the stack that this thread runs on.
// Must be async-signal-safe.
using overflow_lookup = bool (*)(const void* address, overflow_victim& victim) noexcept;

// Installs the handler (counted; `even_over_another` false leaves a program's own handler alone).
// Returns whether uninstall must be called. The thread needs an alternate_stack.
bool install_overflow_handler(overflow_lookup lookup, bool even_over_another);
void uninstall_overflow_handler() noexcept;

// The message of an overflow that a canary told of, outside a signal handler.
[[noreturn]] void die_of_overflow(const overflow_victim& victim) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
