// SPDX-License-Identifier: BSL-1.0
// The context layer's whole interface: save here, continue there. Layer: context.
// Called by the fiber layer and by the one switch function of the loop. Knows nothing of fibers,
// exceptions, errno or sanitizers: those belong to whoever switches.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct context;

// Runs on a fresh stack. Returns the context to continue with for good: the stack it ran on is
// never resumed, and the successor gives it back. Must not let an exception out.
using context_entry = context* (*)(context* self) noexcept;

// A suspended flow of control. The assembly knows this layout (asm/frame_*.h).
struct context {
  void* sp = nullptr;  // the backend's handle of the suspended side; stale while it runs
#if WEFT_CONTEXT_ASM
  void* resume = nullptr;  // where code that was suspended inline goes on; else unused
#else
  context* from = nullptr;  // who switched here last; written by the switch, read at arrival
#endif
  context_entry entry = nullptr;  // where a fresh context begins
};

// Prepares `fresh` to run entry(&fresh) at the first switch to it, on the stack that ends (at its
// high end) at `top` and is `bytes` long.
#if WEFT_CONTEXT_ASM
// What the low bits of context::sp say; src/context/context_asm.cpp holds them to asm/frame_*.h.
enum sp_tag : std::uintptr_t { sp_is_fresh = 1, sp_is_inline = 2 };

inline void make_context(context& fresh, void* top, std::size_t, context_entry entry) noexcept {
  // The ABI wants 16-byte alignment at every call; whoever gave the top may not know.
  const auto aligned = reinterpret_cast<std::uintptr_t>(top) & ~std::uintptr_t{15};
  fresh.sp = reinterpret_cast<void*>(aligned | sp_is_fresh);
  fresh.entry = entry;
}
#else
WEFT_API void make_context(context& fresh, void* top, std::size_t bytes,
                           context_entry entry) noexcept;
#endif

}  // namespace detail
WEFT_NAMESPACE_END

// Suspends the caller into *self and continues *to. Returns when somebody switches to *self.
// An opaque external function on purpose: inline assembly in a public header lets g++'s
// ipa-reference keep a user's static in a register across it (measured).
extern "C" WEFT_API void WEFT_C_NAME(context_switch)(weft::detail::context* self,
                                                     weft::detail::context* to) noexcept;
