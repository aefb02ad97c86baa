// SPDX-License-Identifier: BSL-1.0
// The kinds of waits: their names in dumps, and who could end one, for the search for deadlocks.
// Layer: fiber. Every park names its kind; a kind is a constant of whoever parks.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct fiber;

// Who could ever end a wait that has no deadline.
enum class ended_by : std::uint8_t {
  fibers,   // only fibers of the same loop
  threads,  // whoever has the awaited object: another thread, if the process has one
  world,    // the kernel, or a thread that works for this wait
};

// Takes each fiber that a wait depends on.
struct awaited_visitor {
  virtual void visit(const fiber& awaited) = 0;

 protected:
  ~awaited_visitor() = default;
};

struct wait_type {
  const char* name;
  ended_by by = ended_by::fibers;
  // Tells `to` who holds what is awaited, or must end; nullptr: that cannot be told.
  void (*awaited)(const void* on, awaited_visitor& to) = nullptr;
  // A signal handler that interrupts system calls interrupts this one, too: of C functions.
  bool ends_on_signal = false;
};

inline constexpr wait_type no_wait{""};

}  // namespace detail
WEFT_NAMESPACE_END
