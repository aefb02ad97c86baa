// SPDX-License-Identifier: BSL-1.0
// Fibers that hold their thread for too long, so that the others of their loop stand still.
// Layer: loop. Part of <weft/debug.hpp>. options::slow_step says how long is too long; 100 ms if
// nothing is said. Source: Seastar's stall detector, the idea and the 5 reports a minute.
//
// Not watched: loops on a virtual clock; and, unless options::slow_step or WEFT_STALL_MS names
// another time than the default, programs under a sanitizer or valgrind. Time does not count in
// which the whole process was stopped, or in which the thread waited for a core.
#pragma once

#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace debug {

// One stall, while it lasts. Lifetime: the views live only during the handler's call.
struct stall {
  fiber_id fiber;         // 1: main
  std::string_view name;  // empty if it has none
  duration held;          // at least so long; it goes on
  bool is_blocked;        // in a system call or by a page of memory; else it computes
  std::string_view text;  // what would have been reported: who, how long, and the stack
};

using stall_handler = void (*)(const stall&) noexcept;

// Sets who is told of stalls and returns the one before; nullptr (the default): the text is
// reported as any other (set_report_handler). Once for each stall, 5 in a minute at most; how many
// more there were is always reported.
// The handler runs on weft's watching thread, which meanwhile watches nobody.
// Parks: never.  Calls from: any thread.
WEFT_API stall_handler on_stall(stall_handler handler) noexcept;

}  // namespace debug
WEFT_NAMESPACE_END
