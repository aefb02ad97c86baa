// SPDX-License-Identifier: BSL-1.0
// The slow halves of the only ways to stop and to go on (see weft/detail/park.hpp), and
// cancellation, which is a wake with a reason. Invariants 1-3 of src/README.md are kept here.
#include <string>

#include "../base/syscalls.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/errors.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

void wake_owner(wait_node& node, fiber&) noexcept { wake(*node.owner, wake_reason::completed); }

void disarm_timer(loop_core& here, fiber& sleeper) noexcept {
  whole(here).timers.disarm(sleeper.sleep);
}

void trace_spawn(loop_core& here, const fiber& f) noexcept {
  whole(here).record(testing::trace_kind::spawn, f);
}

void trace_park(loop_core& here, const fiber& f) noexcept {
  whole(here).record(testing::trace_kind::park, f, f.wait_what);
}

void trace_wake(loop_core& here, const fiber& f) noexcept {
  whole(here).record(testing::trace_kind::wake, f);
}

void yield_slowly() {
  loop_core* const here = running_loop();
  if (here == nullptr || here->current == &here->idle) {
    raw_syscall(SYS_sched_yield);
    return;
  }
  throw_if_cancelled(*here);
  fiber& self = *here->current;
  self.woken_by = wake_reason::completed;
  here->ready.push(self);
  whole(*here).record(testing::trace_kind::park, self, "yield");
  suspend_slowly(*here, self);
  throw_if_cancelled(*here);
}

void throw_cancelled(const fiber& self) { throw cancelled(self.cancel_reason); }

void throw_if_cancelled(loop_core& here) {
  const fiber& self = *here.current;
  if (WEFT_UNLIKELY((self.attention & attention_cancel) != 0) && is_cancel_deliverable(here)) {
    throw_cancelled(self);
  }
}

bool cancel_fiber(fiber& target, std::string_view reason) {
  if (target.state == fiber_state::done) return false;
  if ((target.attention & attention_cancel) == 0) {
    if (!reason.empty()) {
      target.cancel_reason = std::make_shared<const std::string>(reason);
      target.has_baggage = true;
    }
    target.attention |= attention_cancel;
  }
  if (target.is_cancellable) wake(target, wake_reason::cancelled);
  return true;
}

void join_noexcept(loop_core& here, fiber& other) noexcept {
  if (other.state != fiber_state::done) join_unfinished(here, other, false);
}

void join_fiber(loop_core& here, fiber& other) {
  if (other.state == fiber_state::done) return;
  throw_if_cancelled(here);
  if (join_unfinished(here, other, is_cancel_deliverable(here)) == wake_reason::cancelled) {
    throw_cancelled(*here.current);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
