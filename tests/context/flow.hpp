// SPDX-License-Identifier: BSL-1.0
// A bare context with a stack and a body, for the tests of the context layer: what the loop is to
// fibers, in thirty lines. Tells ThreadSanitizer of every switch, since nobody else does here.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "context/float_control.hpp"
#include "support/build_kind.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/context.hpp"

#if WEFT_TESTS_TSAN
#include <sanitizer/tsan_interface.h>
#endif

namespace weft_tests {
inline namespace WEFT_ABI_NAMESPACE {  // a program may hold both backends

struct flow : weft::detail::context {
  static constexpr std::size_t stack_bytes = 128 * 1024;

  // This thread's own flow of control.
  flow() {
#if WEFT_TESTS_TSAN
    tsan = __tsan_get_current_fiber();
#endif
  }

  // Runs `what` at the first hop; it returns the flow to continue with for good. The stack starts
  // `lower` bytes below its end.
  explicit flow(std::function<flow*(flow&)> what, std::size_t lower = 0)
      : body(std::move(what)), memory(new char[stack_bytes + 64]) {
    const auto end = reinterpret_cast<std::uintptr_t>(memory.get()) + stack_bytes;
    char* const top = reinterpret_cast<char*>((end & ~std::uintptr_t{63}) - lower);
    weft::detail::make_context(*this, top, stack_bytes - 64 - lower, &enter);
#if WEFT_TESTS_TSAN
    tsan = __tsan_create_fiber(0);
#endif
  }
  ~flow() {
#if WEFT_TESTS_TSAN
    if (memory) __tsan_destroy_fiber(tsan);
#endif
  }
  flow(const flow&) = delete;
  flow& operator=(const flow&) = delete;

  WEFT_NO_SANITIZE static weft::detail::context* enter(weft::detail::context* self) noexcept {
    flow* const next = call(*static_cast<flow*>(self));
    weft::detail::leave_float_control(*next);
#if WEFT_TESTS_TSAN
    __tsan_switch_to_fiber(next->tsan, 0);
#endif
    return next;
  }
  WEFT_NOINLINE static flow* call(flow& self) { return self.body(self); }

  std::function<flow*(flow&)> body;
  std::unique_ptr<char[]> memory;
  void* tsan = nullptr;
};

WEFT_NOINLINE WEFT_NO_SANITIZE inline void hop(flow& self, flow& to) noexcept {
#if WEFT_TESTS_TSAN
  __tsan_switch_to_fiber(to.tsan, 0);
#endif
  weft::detail::note_float_control(self);
  WEFT_C_NAME(context_switch)(&self, &to);
}

}  // namespace WEFT_ABI_NAMESPACE
}  // namespace weft_tests
