// SPDX-License-Identifier: BSL-1.0
// Where a suspended flow of control stands, for those who look at its stack from outside: the tree
// of tasks and gdb. Layer: context. Called off every hot path, and never for a flow that runs.
//
// The asm backend's frame is described by the switch's own CFI, so a program counter in the middle
// of it and a stack pointer are all that an unwinder needs. Boost's frame has no CFI and changes
// between versions (1.74, 1.81): so weft asks Boost itself, once, by a switch with known values in
// the registers, and looks where they lie.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/context.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// The registers that a callee keeps, but sp. x86-64: rbx rbp r12 r13 r14 r15. AArch64: x19 to x29.
#if defined(__aarch64__)
inline constexpr std::size_t kept_registers = 11;
#else
inline constexpr std::size_t kept_registers = 6;
#endif

// What an unwinder starts from: a place inside the switch, reached by a call.
struct suspended_side {
  std::uintptr_t pc = 0;  // 0: it cannot be told, or this one never ran
  std::uintptr_t sp = 0;
  std::uintptr_t kept[kept_registers] = {};  // asm: not filled, the CFI at pc tells
  const void* caller = nullptr;              // who called the switch; nullptr: as pc
};

suspended_side look_at(const context& suspended) noexcept;

// Called when a loop is made, with a stack that is not in use yet: the first call finds out what
// look_at() must know.
void learn_frame(void* top, std::size_t bytes) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
