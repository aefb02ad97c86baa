// SPDX-License-Identifier: BSL-1.0
// How a loop is set up; every field has a good default. Layer: loop.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/stack_source.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// Who catches a stack overflow (SIGSEGV on a guard page) and reports it with the fiber's name.
enum class overflow_report {
  if_default,  // on the main thread, if the program left SIGSEGV at its default; undone at the end
  always,      // on any thread, over an earlier handler, which still gets the faults not ours
  never,       // SIGSEGV is not touched
};

// Whose the rounding mode, the floating-point traps and flush-to-zero are: what <cfenv> and
// _mm_setcsr set.
enum class float_control {
  per_fiber,   // a new fiber starts with the defaults; what it sets is seen by nobody else
  per_thread,  // shared by a loop's fibers: for programs that never change it in a fiber, or set it
               // once for the thread. Saves up to 4 ns a switch where reading MXCSR is slow (AMD).
               // The fcontext backend keeps it per fiber all the same.
};

struct options {
  std::size_t stack_bytes = WEFT_DEFAULT_STACK_BYTES;  // per fiber, committed page by page on use
  const char* name = "main";         // the main fiber's name in messages; must outlive the loop
  clock_source* time = nullptr;      // nullptr: the machine's monotonic clock
  std::uint64_t seed = 0;            // 0: first in, first out; else a reproducible shuffle
  stack_source* stacks = nullptr;    // nullptr: anonymous mmap
  std::size_t cached_stacks = 1024;  // idle stacks whose memory is kept; fewer of larger ones
  // The memory of idle stacks beyond those goes back to the system when they were not wanted for so
  // long (at most twice as long): crowds that come and go find it where they left it. Zero: soon.
  duration stack_linger = std::chrono::seconds(1);
  // A loop that has nothing else to do may end a wait so much later than its deadline, at most by
  // 1/1024 of the wait: deadlines close to each other share one wake-up. Never earlier, never out
  // of order. Zero: exact; more than 1 ms counts as that. Scopes, and clocks that jump, are exact.
  duration timer_slack = std::chrono::microseconds(500);
  bool handle_sigint = true;  // the first Ctrl-C cancels main (only if SIGINT was default)
  overflow_report overflow = overflow_report::if_default;
  weft::float_control float_control = weft::float_control::per_fiber;
  // A fiber that holds its thread for longer is reported, once, with its stack (debug::on_stall);
  // 0: never. WEFT_STALL_MS in the environment says it for all loops.
  duration slow_step = std::chrono::milliseconds(100);
  bool detect_deadlock = true;  // main's wait throws would_deadlock when nothing can ever end it
  // Ctrl-\ (SIGQUIT) prints debug::print_tree()'s tree to weft's reports instead of ending the
  // program, once the loop looks next; only if SIGQUIT was at its default. For all loops of a
  // process: WEFT_TREE_ON_SIGQUIT=1 in the environment.
  bool tree_on_sigquit = false;
  bool measure_stacks = false;  // an exact debug::stack_report(), for about 4 us a fiber
};

WEFT_NAMESPACE_END
