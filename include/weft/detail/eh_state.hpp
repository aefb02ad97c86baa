// SPDX-License-Identifier: BSL-1.0
// The C++ runtime keeps one exception state per thread; a fiber that parks inside a catch block or
// while unwinding must take its own along. Layer: base. Used by the switch and by the check that
// asks whether a wait may throw. Source: Itanium C++ ABI, exception handling, 2.2.2.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// The layout of __cxa_eh_globals on every ABI that weft runs on (not 32-bit Arm).
struct eh_state {
  void* caught = nullptr;  // stack of exceptions being handled
  unsigned uncaught = 0;   // exceptions in flight

  bool any() const noexcept { return caught != nullptr || uncaught != 0; }
};

// This thread's live state. The address is fixed for the thread's life, and a started fiber never
// changes its thread, so a loop asks once.
eh_state* thread_eh_state() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
