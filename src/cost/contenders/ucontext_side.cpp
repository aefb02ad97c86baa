// SPDX-License-Identifier: BSL-1.0
// Peer: the C library's swapcontext(). It keeps each context's signal mask, which takes a system
// call at every switch, and all floating-point state.
#include <ucontext.h>

#include <cstdint>

#include "flow_ring.hpp"
#include "sides.hpp"

namespace cost {
namespace {

struct ucontext_flow {
  ucontext_t context{};
  ucontext_flow* next = nullptr;
  void (*body)(ucontext_flow&) = nullptr;

  const void* stack_pointer() const noexcept { return &context; }

  void begin(char* top, std::size_t bytes, void (*what)(ucontext_flow&)) noexcept {
    body = what;
    ::getcontext(&context);
    context.uc_stack.ss_sp = top - bytes;
    context.uc_stack.ss_size = bytes;
    context.uc_link = nullptr;
    // makecontext() passes ints only.
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    ::makecontext(&context, reinterpret_cast<void (*)()>(&enter), 2,
                  static_cast<unsigned>(self >> 32), static_cast<unsigned>(self));
  }

  void hop(ucontext_flow& to) noexcept { ::swapcontext(&context, &to.context); }

 private:
  static void enter(unsigned high, unsigned low) {
    auto& self = *reinterpret_cast<ucontext_flow*>(std::uintptr_t{high} << 32 | low);
    self.body(self);
  }
};

using ring = flow_ring<ucontext_flow>;

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  return std::make_unique<ring>(shape.contexts, 0, shape.is_mixed, shape.flags);
}

std::unique_ptr<contender> make_yields(const yield_shape& shape) {
  if (shape.fibers == 1) return nullptr;
  return std::make_unique<ring>(shape.fibers, shape.calls_above, shape.is_mixed,
                                sticky_flags::equal);
}

std::unique_ptr<contender> make_chains(const chain_shape& shape) {
  return std::make_unique<ring>(shape);
}

}  // namespace

const side ucontext_side = {"ucontext",   &make_switches, &make_yields, nullptr,
                            &make_chains, nullptr,        nullptr,      0};

}  // namespace cost
