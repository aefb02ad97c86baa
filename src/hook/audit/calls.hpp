// SPDX-License-Identifier: BSL-1.0
// Which functions of the C library block, and what becomes of a call of each in a fiber. Layer:
// hook, in the program weft-audit. What is hooked comes from ../functions.hpp; what is not stands
// in uncovered_calls.cpp.
#pragma once

#include <string_view>
#include <vector>

namespace weft_audit {

enum class coverage {
  hooked,       // parks the fiber, once its tier is installed
  offloaded,    // goes to a thread, once its tier is installed
  noted,        // hooked, but does not block: wakes others, or tells weft something
  not_covered,  // blocks the thread
  seldom,       // blocks the thread on some descriptors only, or for a short time
};
const char* name_of(coverage what) noexcept;

struct blocking_call {
  std::string_view name;
  coverage how;
  std::string_view tier;    // "net", "names", "locks", "files"; empty if not hooked
  std::string_view effect;  // "parks until data"
  std::string_view advice;  // what to do; empty if nothing
};

// nullptr: it does not block.
const blocking_call* find_call(std::string_view name);

// What one library does with one function, where that says more than the function does: what reads
// standard input in libstdc++ is no call of the program's. nullptr: nothing special.
const blocking_call* find_call_of(std::string_view soname, std::string_view name);

const std::vector<blocking_call>& hooked_calls();
const std::vector<blocking_call>& uncovered_calls();

}  // namespace weft_audit
