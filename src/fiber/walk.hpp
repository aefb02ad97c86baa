// SPDX-License-Identifier: BSL-1.0
// The calls on the stack of a suspended flow, by name. Layer: fiber. Used by the tree of tasks.
//
// With libunwind, if weft was built with it and it is installed where weft runs: all of them.
// Without, the one that called the switch. libunwind is opened when it is first needed and is not
// linked: it brings an `_Unwind_RaiseException` and 17 more of its own, which a link would put in
// place of the C++ runtime's for the whole program.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "../context/suspended.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class stack_walker {
 public:
  // `may_unwind` false: as without libunwind. Unwinding itself takes some 20 KiB of stack.
  explicit stack_walker(bool may_unwind);

  // Innermost first; empty if nothing can be told. What belongs to weft's inside is left out,
  // unless nothing else is there.  Throws: std::bad_alloc.
  std::vector<std::string> walk(const suspended_side& from);

  // True if whole stacks are told.
  bool is_complete() const noexcept { return unwinds_; }

 private:
  struct call {
    std::string text;
    bool is_inside = false;  // of weft
    bool is_body = false;    // weft's call of the user's callable
  };
  const call& call_at(const void* address, const char* symbol);
  std::vector<const call*> unwind(const suspended_side& from);

  bool unwinds_;
  std::map<const void*, call> known_;  // a name is a search through a whole symbol table
};

}  // namespace detail
WEFT_NAMESPACE_END
