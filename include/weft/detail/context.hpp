// SPDX-License-Identifier: BSL-1.0
// The context layer's whole interface: save here, continue there. Layer: context.
// Called by the loop's hot paths (park.hpp) and its slow switch. Knows nothing of fibers,
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
  // Where a fresh context begins, or where one that was suspended inline goes on.
  union {
    context_entry entry = nullptr;
    void* resume;
  };
  std::uint32_t mxcsr = 0x1f80;  // as noted when it was left last; these two are the defaults
  std::uint16_t x87_control = 0x37f;
#else
  context* from = nullptr;        // who switched here last; written by the switch, read at arrival
  // Where a fresh context begins; once it has, where it goes on after the switch that it left by.
  context_entry entry = nullptr;
#endif
};

// Notes the floating-point control bits in force in the context that is about to be left; the
// switch loads what differs. Called first on the way to a switch: reading MXCSR waits for all that
// came before (4.2 ns on a Zen 4), but lets what comes after go on. Whoever never calls it shares
// one set of control bits among all contexts of a thread.
#if WEFT_CONTEXT_ASM && defined(__x86_64__)
[[gnu::always_inline]] inline void note_float_control(context& self) noexcept {
  asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(self.mxcsr), "=m"(self.x87_control));
}
#else
[[gnu::always_inline]] inline void note_float_control(context&) noexcept {}
#endif

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
#if defined(__x86_64__)
  fresh.mxcsr = 0x1f80;  // what a program starts with: System V ABI x86-64, 3.2.1
  fresh.x87_control = 0x37f;
#endif
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

#if defined(__x86_64__)
// The same for two sides that run different code: asm/hop_x86_64.S. Float control stays as it is
// with the asm backend.
extern "C" WEFT_API weft::detail::context* WEFT_C_NAME(context_hop)(
    weft::detail::context* self, weft::detail::context* to) noexcept;
#endif
