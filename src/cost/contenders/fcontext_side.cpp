// SPDX-License-Identifier: BSL-1.0
// Peer: Boost.Context's jump_fcontext, called directly as its users do. No scheduler, no
// cancellation, no exceptions' state, no errno: less than any library of fibers could do.
#include <boost/context/detail/fcontext.hpp>

#include "flow_ring.hpp"
#include "sides.hpp"

namespace cost {
namespace {

namespace fcontext = boost::context::detail;

struct plain_flow {
  fcontext::fcontext_t context = nullptr;
  plain_flow* next = nullptr;
  void (*body)(plain_flow&) = nullptr;

  const void* stack_pointer() const noexcept { return context; }

  void begin(char* top, std::size_t bytes, void (*what)(plain_flow&)) noexcept {
    body = what;
    context = fcontext::make_fcontext(top, bytes, &enter);
  }

  void hop(plain_flow& to) noexcept { arrived(fcontext::jump_fcontext(to.context, this)); }

 private:
  static plain_flow& arrived(const fcontext::transfer_t& came) noexcept {
    plain_flow& from = *static_cast<plain_flow*>(came.data);
    from.context = came.fctx;
    return from;
  }

  static void enter(fcontext::transfer_t came) {
    plain_flow& self = *arrived(came).next;
    self.body(self);
  }
};

using ring = flow_ring<plain_flow>;

std::unique_ptr<contender> make_switches(const switch_shape& shape) {
  return std::make_unique<ring>(shape.contexts, 0, shape.is_mixed, shape.flags);
}

std::unique_ptr<contender> make_yields(const yield_shape& shape) {
  if (shape.fibers == 1) return nullptr;  // a context can't switch to itself
  return std::make_unique<ring>(shape.fibers, shape.calls_above, shape.is_mixed,
                                sticky_flags::equal);
}

std::unique_ptr<contender> make_chains(const chain_shape& shape) {
  return std::make_unique<ring>(shape);
}

}  // namespace

const side fcontext_side = {plain_fcontext, &make_switches, &make_yields, nullptr,
                            &make_chains,   nullptr,        nullptr,      0};

}  // namespace cost
