// SPDX-License-Identifier: BSL-1.0
// Where a suspended flow stands, as an unwinder would have it: on both backends, whichever version
// of Boost is installed.
#include "context/suspended.hpp"

#include <cstdint>
#include <memory>

#include <doctest/doctest.h>

#include "flow.hpp"

using weft::detail::look_at;
using weft::detail::suspended_side;
using weft_tests::flow;
using weft_tests::hop;

extern "C" const char __executable_start, etext;  // the linker's

namespace {

void learn() {
  constexpr std::size_t bytes = 64 * 1024;
  const std::unique_ptr<char[]> memory(new char[bytes + 16]);
  const auto end = reinterpret_cast<std::uintptr_t>(memory.get()) + bytes;
  weft::detail::learn_frame(reinterpret_cast<void*>(end & ~std::uintptr_t{15}), bytes - 16);
}

bool is_on_stack_of(const flow& f, std::uintptr_t address) {
  const auto low = reinterpret_cast<std::uintptr_t>(f.memory.get());
  return address >= low && address < low + flow::stack_bytes;
}

}  // namespace

TEST_CASE("suspended: stack pointer and caller of a flow that was left, each time it was left") {
  learn();
  flow here;
  flow there([&](flow& self) {
    for (int i = 0; i < 2; ++i) hop(self, here);
    return &here;
  });
  for (int i = 0; i < 2; ++i) {
    hop(here, there);
    const suspended_side side = look_at(there);
    REQUIRE(side.pc != 0);
    CHECK(is_on_stack_of(there, side.sp));
    // The frames of hop() and what calls it lie above.
    CHECK(is_on_stack_of(there, side.sp + 64));
    // This program's code called the switch.
    const auto caller = reinterpret_cast<std::uintptr_t>(side.caller);
    CHECK(caller > reinterpret_cast<std::uintptr_t>(&__executable_start));
    CHECK(caller < reinterpret_cast<std::uintptr_t>(&etext));
  }
  hop(here, there);
}

TEST_CASE("suspended: one that never ran stands nowhere") {
  learn();
  flow here;
  flow there([&](flow&) { return &here; });
  CHECK(look_at(there).pc == 0);
  CHECK(look_at(weft::detail::context{}).pc == 0);
  hop(here, there);
}
