// SPDX-License-Identifier: BSL-1.0
// How a loop is set up; every field has a good default. Layer: loop.
#pragma once

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

struct options {
  std::size_t stack_bytes = WEFT_DEFAULT_STACK_BYTES;  // per fiber, committed page by page on use
  const char* name = "main";         // the main fiber's name in messages; must outlive the loop
  clock_source* time = nullptr;      // nullptr: the machine's monotonic clock
  std::uint64_t seed = 0;            // 0: first in, first out; else a reproducible shuffle
  stack_source* stacks = nullptr;    // nullptr: anonymous mmap
  std::size_t cached_stacks = 1024;  // idle stacks whose memory is kept; fewer of larger ones
  bool handle_sigint = true;         // the first Ctrl-C cancels main (only if SIGINT was default)
  overflow_report overflow = overflow_report::if_default;
  bool measure_stacks = false;  // an exact debug::stack_report(), for about 4 us a fiber
};

WEFT_NAMESPACE_END
