// SPDX-License-Identifier: BSL-1.0
// What a cancel does: marks a level, finds out whether the fiber can see it, and ends its wait.
// The rules stand in weft/detail/scope.hpp.
#include <cerrno>
#include <new>
#include <string>
#include <utility>

#include "../base/code_names.hpp"
#include "../base/debug_mode.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/scope.hpp"
#include "weft/errors.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Where a `cancelled` goes.
struct target {
  bool is_found = false;
  scope* to = nullptr;  // nullptr: the task itself
};

target find_target(const fiber& f, unsigned uncaught) noexcept {
  target found;
  for (scope* s = f.innermost; s != nullptr; s = s->outer) {
    if (is_cancelled(*s) && s->uncaught == uncaught) found = {true, s};
    if (s->is_shield) return found;
  }
  if (is_task_cancelled(f) && f.on_cancel != on_cancel::never && uncaught == 0 &&
      f.outcome == fiber_outcome::pending) {
    found = {true, nullptr};
  }
  return found;
}

const std::shared_ptr<const std::string>& reason_of(const fiber& f, const target& to) noexcept {
  static const std::shared_ptr<const std::string> none;
  if (to.to != nullptr) return to.to->reason;
  return f.bag ? f.bag->cancel_reason : none;
}

void report_swallowed(const fiber& self, const delivery& lost) {
  std::string text = "weft: " + describe(self) + " (spawned at " + describe(self.site) +
                     ") swallowed a weft::cancelled; this wait throws it again. A catch clause "
                     "without `throw;` ended it in";
  for (unsigned i = 0; i < lost.frame_count; ++i) text += "\n  " + name_of_code(lost.frames[i]);
  send_report(text);
}

// The last `cancelled` that this fiber was thrown died on its way: the count, and the report.
void note_redelivery(loop& here, fiber& self) {
  if (!self.bag || self.bag->delivery.get() == nullptr) return;
  const delivery& last = *self.bag->delivery.get();
  // acquire; pairs with note_swallowed()
  if (last.has_arrived.load(std::memory_order_relaxed) ||
      !last.is_swallowed.load(std::memory_order_acquire)) {
    return;
  }
  ++here.swallowed;
  if (is_debug_mode()) report_swallowed(self, last);
}

[[noreturn]] void throw_to(loop& here, fiber& self, const target& to) {
  note_redelivery(here, self);
  const std::shared_ptr<const std::string> reason = reason_of(self, to);
  delivery* const made = new (std::nothrow) delivery;
  if (made != nullptr) {
    delivery_ref share(made);
    try {
      baggage_of(self).delivery = std::move(share);
    } catch (const std::bad_alloc&) {  // no memory to watch over it: thrown all the same
      throw cancelled(reason);
    }
  }
  throw cancelled(reason, made);
}

void expire(timer& due) noexcept {
  scope& s = static_cast<scope&>(due);
  whole(*s.owner->home).timers.release_extra();
  if (!is_cancelled(s)) s.has_expired = true;
  cancel_scope_now(s, nullptr);
}

}  // namespace

void refresh_cancel(fiber& f) noexcept {
  bool is_visible = false;
  const scope* s = f.innermost;
  for (; s != nullptr; s = s->outer) {
    is_visible = is_visible || is_cancelled(*s);
    if (s->is_shield) break;
  }
  if (s == nullptr && f.on_cancel != on_cancel::never) {
    is_visible = is_visible || is_task_cancelled(f);
  }
  if (WEFT_UNLIKELY(f.home != nullptr && f.home->shared->is_of_parent() && f.home->current == &f)) {
    is_visible = true;
  }
  f.attention = static_cast<std::uint8_t>((f.attention & ~attention_cancel) |
                                          (is_visible ? attention_cancel : 0));
}

// A level of f was cancelled: f sees it now or later, and its wait may end.
static void make_seen(fiber& f) noexcept {
  // Not by f.home: a loop may be about to take in what another thread cancels.
  if (chooser* const one = chooser_here()) one->touched(f, access::writes, false);
  refresh_cancel(f);
  // What is in flight in a parked fiber was put aside when it parked.
  if (f.state == fiber_state::parked && f.is_cancellable &&
      find_target(f, f.saved_eh.uncaught).is_found) {
    wake(f, wake_reason::cancelled);
  }
}

bool cancel_fiber(fiber& target, std::string_view reason) {
  if (target.state == fiber_state::done) return false;
  if (!target.is_cancel_called) {
    if (!reason.empty()) {
      baggage_of(target).cancel_reason = std::make_shared<const std::string>(reason);
    }
    target.is_cancel_called = true;
  }
  make_seen(target);
  return true;
}

void cancel_scope_now(scope& s, std::shared_ptr<const std::string> reason) noexcept {
  if (is_cancelled(s)) return;
  s.is_cancelled.store(true, std::memory_order_relaxed);
  note_access(&s, access::writes);
  s.reason = std::move(reason);
  if (s.is_entered) make_seen(*s.owner);
}

void arm_scope(loop_core& core, scope& s, time_point deadline) {
  loop& here = whole(core);
  if (deadline == time_point::max()) return;
  if (deadline <= here.last_look) {  // asyncio: the first wait throws, not the entry
    if (!is_cancelled(s)) s.has_expired = true;
    cancel_scope_now(s, nullptr);
    return;
  }
  here.timers.hold_extra();
  s.fire = &expire;
  here.timers.arm(s, deadline);
}

void arm_scope_for(loop_core& core, scope& s, duration span) {
  loop& here = whole(core);
  if (span <= duration::zero()) {
    arm_scope(core, s, time_point::min());
    return;
  }
  const time_point present = here.present();
  const time_point deadline = saturating_add(present, span);
  if (deadline == time_point::max()) return;
  here.timers.hold_extra();
  s.fire = &expire;
  here.arm(s, present, deadline);
}

void disarm_scope(loop_core& core, scope& s) noexcept {
  loop& here = whole(core);
  here.timers.disarm(s);
  here.timers.release_extra();
}

bool takes_cancelled(loop_core& here, scope& s) noexcept {
  if (!is_cancelled(s)) return false;
  fiber& self = *s.owner;
  const target to = find_target(self, here.eh->uncaught);
  if (!to.is_found || to.to != &s) return false;
  mark_arrived(self);
  return true;
}

void mark_arrived(const fiber& self) noexcept {
  if (!self.bag) return;
  if (delivery* const last = self.bag->delivery.get()) {
    last->has_arrived.store(true, std::memory_order_relaxed);  // same thread as the throw
  }
}

bool can_cancel_slowly(const loop_core& here) noexcept {
  const scope* const s = here.current->innermost;
  return s != nullptr && s->uncaught == here.eh->uncaught;
}

// Where `cancelled` may not be thrown, what ends the wait is the end of the process: see
// take_slowly().
void refuse_wait_in_child(const loop_core& here) {
  if (WEFT_UNLIKELY(here.shared->is_of_parent()) && can_cancel_wait(here)) {
    misuse(refusal_in_child(*here.shared, describe(*here.current) + " would wait"));
  }
}

void throw_if_visible(loop_core& here) {
  refuse_wait_in_child(here);
  fiber& self = *here.current;
  if (self.on_cancel == on_cancel::errno_) return;
  const target to = find_target(self, here.eh->uncaught);
  if (to.is_found) throw_to(whole(here), self, to);
}

bool stop_if_visible(loop_core& here) {
  refuse_wait_in_child(here);
  fiber& self = *here.current;
  const target to = find_target(self, here.eh->uncaught);
  if (!to.is_found) return false;
  if (self.on_cancel != on_cancel::errno_) throw_to(whole(here), self, to);
  *here.error_number = ECANCELED;
  return true;
}

bool is_cancel_due(const loop_core& here) noexcept {
  const fiber& self = *here.current;
  if (WEFT_UNLIKELY(here.shared->is_of_parent()))
    return true;  // the wait ends, and its caller throws
  return (self.attention & attention_cancel) != 0 && find_target(self, here.eh->uncaught).is_found;
}

void throw_cancelled(loop_core& core) {
  loop& here = whole(core);
  refuse_wait_in_child(here);
  fiber& self = *here.current;
  if (&self == &here.root && here.deadlock != nullptr) {
    throw would_deadlock(*std::exchange(here.deadlock, nullptr));
  }
  throw_to(here, self, find_target(self, here.eh->uncaught));
}

bool stop_cancelled(loop_core& core) {
  loop& here = whole(core);
  refuse_wait_in_child(here);
  fiber& self = *here.current;
  if (self.on_cancel == on_cancel::errno_) {
    *here.error_number = ECANCELED;
    return true;
  }
  throw_cancelled(core);
}

bool is_cancel_requested(const fiber& self) noexcept {
  for (const scope* s = self.innermost; s != nullptr; s = s->outer) {
    if (is_cancelled(*s)) return true;
  }
  return is_task_cancelled(self);
}

}  // namespace detail
WEFT_NAMESPACE_END
