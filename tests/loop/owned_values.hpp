// SPDX-License-Identifier: BSL-1.0
// Old code with a thread_local that tests of fiber_owned give to fibers.
#pragma once

#include <chrono>
#include <string>

#include "task/on_virtual_time.hpp"
#include "weft/this_fiber.hpp"

namespace weft_tests {

// -- the old code: it has state, and knows only threads
inline thread_local std::string request;
inline thread_local int depth = 0;

inline std::string log_line(const char* text) { return request + ": " + text; }

inline std::string& request_here() { return request; }

// Sees on the way, over waits of both kinds, whether the value stays.
inline bool keeps_its_own(const std::string& own, int rounds = 3) {
  request = own;
  for (int i = 0; i < rounds; ++i) {
    weft::yield();
    if (request != own) return false;
    weft::await_sleep(std::chrono::milliseconds(1));
    if (log_line("x") != own + ": x") return false;
  }
  return true;
}

inline bool needs_attention() {
  return (weft::detail::running_loop()->current->attention & weft::detail::attention_owned) != 0;
}

// The thread's values are as a test of nothing else would find them.
struct clean_thread : on_virtual_time {
  clean_thread() {
    request = "thread";
    depth = 0;
  }
};

}  // namespace weft_tests
