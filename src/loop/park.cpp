// SPDX-License-Identifier: BSL-1.0
// The only ways to stop and to go on: park, wake, yield; and cancellation, which is a wake with a
// reason. Invariants 1-3 of src/README.md are kept here.
#include <string>

#include "loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/errors.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

void change_state(fiber& f, fiber_state from, fiber_state to) noexcept {
  WEFT_ASSERT(f.state == from);
  f.state = to;
}

wake_reason park(loop_core& here, const char* what, const void* on, bool is_cancellable) noexcept {
  fiber& self = *here.current;
  WEFT_DEBUG_ASSERT(&self != &here.idle);
  change_state(self, fiber_state::running, fiber_state::parked);
  self.wait_what = what;
  self.wait_on = on;
  self.is_cancellable = is_cancellable;
  self.since = whole(here).last_look;
  whole(here).record(testing::trace_kind::park, self, what);
  suspend(here, self);
  return self.woken_by;
}

void wake(fiber& parked, wake_reason reason) noexcept {
  if (parked.state != fiber_state::parked) return;  // one park is woken once
  loop& here = whole(*parked.home);
  WEFT_DEBUG_ASSERT(running_loop() == &here || running_loop() == nullptr);
  if (parked.node.is_linked()) parked.node.unlink();
  if (parked.sleep.is_armed()) here.timers.disarm(parked.sleep);
  change_state(parked, fiber_state::parked, fiber_state::ready);
  parked.woken_by = reason;
  parked.wait_what = "";
  here.ready.push(parked);
  here.record(testing::trace_kind::wake, parked);
}

void wake_owner(wait_node& node, fiber&) noexcept { wake(*node.owner, wake_reason::completed); }

void start_fiber(loop_core& here, fiber& record) noexcept {
  change_state(record, fiber_state::fresh, fiber_state::ready);
  ++here.live;
  if (WEFT_UNLIKELY(whole(here).is_closing)) record.attention |= attention_cancel;
  record.since = whole(here).last_look;
  here.ready.push(record);
  whole(here).record(testing::trace_kind::spawn, record);
}

bool is_cancel_deliverable(const loop_core& here) noexcept {
  // A throw while an exception is in flight would terminate (HAZARD H6), and so would one from the
  // destructors of a body that has ended: delivery is deferred.
  return here.eh->uncaught == 0 && here.current->outcome == fiber_outcome::pending;
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
    if (!reason.empty()) target.cancel_reason = std::make_shared<const std::string>(reason);
    target.attention |= attention_cancel;
  }
  if (target.is_cancellable) wake(target, wake_reason::cancelled);
  return true;
}

void join_noexcept(loop_core& here, fiber& other) noexcept {
  if (other.state == fiber_state::done) return;
  fiber& self = *here.current;
  self.node.notify = &wake_owner;
  other.waiters.push_back(self.node);
  park(here, "join", &other, false);
}

void join_fiber(loop_core& here, fiber& other) {
  if (other.state == fiber_state::done) return;
  throw_if_cancelled(here);
  fiber& self = *here.current;
  self.node.notify = &wake_owner;
  other.waiters.push_back(self.node);
  const wake_reason reason = park(here, "join", &other, is_cancel_deliverable(here));
  if (reason == wake_reason::cancelled) throw_cancelled(self);
}

}  // namespace detail
WEFT_NAMESPACE_END
