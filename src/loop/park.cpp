// SPDX-License-Identifier: BSL-1.0
// The slow halves of the only ways to stop and to go on (see weft/detail/park.hpp). Invariants 1-3
// of src/README.md are kept here.
#include "../base/syscalls.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

void wake_owner(wait_node& node, fiber&) noexcept { wake(*node.owner, wake_reason::completed); }

void visit_joined(const void* on, awaited_visitor& to) { to.visit(*static_cast<const fiber*>(on)); }

static void wake_late(timer& due) noexcept { wake(*due.owner, wake_reason::timed_out); }

void arm_own_timer(loop& here, time_point now, time_point deadline) noexcept {
  timer& own = here.current->sleep;
  own.fire = &wake_late;
  here.arm(own, now, deadline);
}

void disarm_timer(loop_core& here, fiber& sleeper) noexcept {
  whole(here).timers.disarm(sleeper.sleep);
}

void trace_spawn(loop_core& here, const fiber& f) noexcept {
  whole(here).record(testing::trace_kind::spawn, f);
}

void trace_park(loop_core& here, const fiber& f) noexcept {
  whole(here).record(testing::trace_kind::park, f, f.wait->name);
}

void trace_wake(loop_core& here, const fiber& f) noexcept {
  whole(here).record(testing::trace_kind::wake, f);
}

chooser* chooser_here() noexcept {
  loop_core* const here = running_loop();
  return here != nullptr ? whole(*here).chooses : nullptr;
}

void note_looked_at(const fiber& f) noexcept {
  if (chooser* const one = chooser_here()) one->touched(f, access::reads, true);
}

void tell_touched(const void* object, access how) noexcept {
  if (chooser* const one = chooser_here()) one->touched(object, how);
}

void yield_slowly() {
  loop_core* const here = running_loop();
  if (here == nullptr || here->current == &here->idle) {
    raw_syscall(SYS_sched_yield);
    return;
  }
  if (stop_if_cancelled(*here)) return;
  yield_uncancelled(*here);
  stop_if_cancelled(*here);
}

void yield_uncancelled(loop_core& here) noexcept {
  if (WEFT_UNLIKELY(here.shared->is_of_parent())) return;  // what was asked for is done
  fiber& self = *here.current;
  self.woken_by = wake_reason::completed;
  here.ready.push(self);
  whole(here).record(testing::trace_kind::park, self, "yield");
  suspend_slowly(here, self);
}

void join_noexcept(loop_core& here, fiber& other) noexcept {
  if (other.state != fiber_state::done) join_unfinished(here, other, false);
}

bool join_fiber_until(loop_core& here, fiber& other, time_point deadline) {
  throw_if_cancelled(here);
  // One that has passed fires at the loop's next look: `other` may end before.
  if (deadline != time_point::max()) arm_own_timer(whole(here), whole(here).time->now(), deadline);
  const wake_reason reason = join_unfinished(here, other, is_cancel_deliverable(here));
  if (reason == wake_reason::cancelled) throw_cancelled(here);
  return reason == wake_reason::completed;
}

void join_fiber(loop_core& here, fiber& other) {
  if (other.state == fiber_state::done) return;
  throw_if_cancelled(here);
  if (join_unfinished(here, other, is_cancel_deliverable(here)) == wake_reason::cancelled) {
    throw_cancelled(here);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
