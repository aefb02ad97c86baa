// SPDX-License-Identifier: BSL-1.0
// The hot paths of stopping and going on: start, suspend, park, wake, yield. Layer: loop. Inline
// down to the switch: every further `ret` above one may be mispredicted (a message of 18 ns became
// 3.7). What is rare (cancel, exceptions in flight, traces, sanitizers, a look at the clock) is
// told by three tests and goes to src/loop/switch.cpp and park.cpp.
#pragma once

#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/context.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/inline_switch.hpp"
#include "weft/detail/loop_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// -- the slow halves, in the library --

// Suspends with everything that may be due: canary, clock, seed, trace, exceptions, sanitizers.
WEFT_API void suspend_slowly(loop_core& here, fiber& self) noexcept;

// Gives a fiber that runs for the first time a stack. False: it must wait for one.
WEFT_API bool bind_stack(loop_core& here, fiber& fresh) noexcept;

// What attention asks for on arrival.
WEFT_API void arrive(loop_core& here, fiber& self) noexcept;

WEFT_API void yield_slowly();
WEFT_API void disarm_timer(loop_core& here, fiber& sleeper) noexcept;
WEFT_API void trace_spawn(loop_core& here, const fiber& f) noexcept;
WEFT_API void trace_park(loop_core& here, const fiber& f) noexcept;
WEFT_API void trace_wake(loop_core& here, const fiber& f) noexcept;

// -- the hot halves --

// Queues a fresh fiber behind what is ready.
WEFT_INLINE void start_fiber(loop_core& here, fiber& record) noexcept {
  WEFT_DEBUG_ASSERT(record.state == fiber_state::fresh);
  record.attention = static_cast<std::uint8_t>(record.attention | here.born_attention);
  record.since = here.last_look;
  ++here.live;
  here.ready.push(record);
  if (WEFT_UNLIKELY(here.is_watched)) trace_spawn(here, record);
}

// Runs a fresh fiber at once, until its first wait; then the caller goes on before anyone else.
WEFT_API void start_eagerly(loop_core& here, fiber& record) noexcept;

// The switch itself, when nothing else is to be done. errno belongs to the fiber; it is mostly the
// same on both sides, and a store costs more than a look.
WEFT_INLINE void switch_now(loop_core& here, fiber& self, fiber& next) noexcept {
  if (*here.error_number != self.saved_errno) self.saved_errno = *here.error_number;
  here.current = &next;
#if WEFT_INLINE_SWITCH
  if (WEFT_LIKELY(have_same_float_control(self.ctx, next.ctx))) {
    switch_inline(self.ctx, next.ctx);
  } else {
    WEFT_C_NAME(context_switch)(&self.ctx, &next.ctx);
  }
#else
  WEFT_C_NAME(context_switch)(&self.ctx, &next.ctx);
#endif
  if (*here.error_number != self.saved_errno) *here.error_number = self.saved_errno;
}

// Runs somebody else until self, which is in the ring or where a waker finds it, is ready again.
WEFT_INLINE void suspend(loop_core& here, fiber& self) noexcept {
  if (WEFT_UNLIKELY(here.ready.taken() >= here.turn_end || self.attention != 0 ||
                    here.ready.empty() || here.eh->any())) {
    suspend_slowly(here, self);
    return;
  }
  if (here.keeps_float_control) note_float_control(self.ctx);
  fiber& next = here.ready.pop();
  if (WEFT_UNLIKELY(next.state == fiber_state::fresh) && !bind_stack(here, next)) {
    suspend_slowly(here, self);
    return;
  }
  if (WEFT_UNLIKELY(&next == &self)) return;  // alone: its own yield
  switch_now(here, self, next);
  if (WEFT_UNLIKELY(self.attention != 0)) arrive(here, self);
}

// Stops the running fiber until wake(). The caller has registered it where a waker finds it.
// `what` is a constant. Never throws: the caller decides what the reason means.
WEFT_INLINE wake_reason park(loop_core& here, const wait_type& what, const void* on,
                             bool is_cancellable) noexcept {
  fiber& self = *here.current;
  WEFT_DEBUG_ASSERT(&self != &here.idle);
  WEFT_DEBUG_ASSERT(self.state == fiber_state::ready);
  self.state = fiber_state::parked;
  self.wait = &what;
  self.wait_on = on;
  self.is_cancellable = is_cancellable;
  self.since = here.last_look;
  if (WEFT_UNLIKELY(here.is_watched)) trace_park(here, self);
  suspend(here, self);
  return self.woken_by;
}

// Makes a fiber ready that is parked on this thread's loop, in no wait room.
WEFT_INLINE void wake_parked(fiber& parked, wake_reason reason) noexcept {
  loop_core& here = *parked.home;
  WEFT_DEBUG_ASSERT(running_loop() == &here || running_loop() == nullptr);
  WEFT_DEBUG_ASSERT(parked.state == fiber_state::parked && !parked.node.is_linked());
  if (WEFT_UNLIKELY(parked.sleep.is_armed())) disarm_timer(here, parked);
  parked.state = fiber_state::ready;
  parked.woken_by = reason;
  parked.since = here.last_look;
  here.ready.push(parked);
  if (WEFT_UNLIKELY(here.is_watched)) trace_wake(here, parked);
}

// Makes a parked fiber of this thread's loop ready and takes it out of its wait room and timer;
// a no-op for one that is not parked (a wait is woken once).
WEFT_INLINE void wake(fiber& parked, wake_reason reason) noexcept {
  if (parked.state != fiber_state::parked) return;
  if (parked.node.is_linked()) parked.node.unlink();
  wake_parked(parked, reason);
}

WEFT_API void visit_joined(const void* on, awaited_visitor& to);
inline constexpr wait_type join_wait{"join", ended_by::fibers, &visit_joined};

// Waits for another fiber's end. `other` has not ended; the caller cares for its own cancellation
// before and after. The first to join stands in the record itself: most tasks have one.
WEFT_INLINE wake_reason join_unfinished(loop_core& here, fiber& other,
                                        bool is_cancellable) noexcept {
  fiber& self = *here.current;
  if (WEFT_UNLIKELY(other.joiner != nullptr || !other.waiters.empty())) {
    self.node.notify = &wake_owner;
    other.waiters.push_back(self.node);
    return park(here, join_wait, &other, is_cancellable);
  }
  other.joiner = &self;
  const wake_reason reason = park(here, join_wait, &other, is_cancellable);
  if (WEFT_UNLIKELY(reason != wake_reason::completed)) {
    // It may have ended since, or ended and found us ready.
    if (other.joiner == &self) other.joiner = nullptr;
  }
  return reason;
}

// Lets everybody run who is ready, and throws nothing.
WEFT_API void yield_uncancelled(loop_core& here) noexcept;

// Takes one of the operations that a fiber may do in a row without a wait (SEMANTICS 48); at
// the last one it yields. Called by whatever completes at once though it might have parked.
WEFT_INLINE void spend_budget(loop_core& here) noexcept {
  if (here.ready.taken() != here.budget_turn) {
    here.budget_turn = here.ready.taken();
    here.budget = most_budget;
  }
  if (WEFT_UNLIKELY(--here.budget == 0)) yield_uncancelled(here);
}

// A yield is a park that is already woken: no state changes, nobody is told.
WEFT_INLINE void yield_fiber() {
  loop_core* const here = running_loop();
  if (WEFT_UNLIKELY(here == nullptr)) {
    yield_slowly();
    return;
  }
  fiber& self = *here->current;
  if (WEFT_UNLIKELY(here->ready.taken() >= here->turn_end || self.attention != 0 ||
                    here->eh->any())) {
    yield_slowly();
    return;
  }
  if (here->keeps_float_control) note_float_control(self.ctx);
  fiber& next = here->ready.rotate(self);
  if (WEFT_UNLIKELY(next.state == fiber_state::fresh) && !bind_stack(*here, next)) {
    suspend_slowly(*here, self);
    stop_if_cancelled(*here);
    return;
  }
  if (WEFT_UNLIKELY(&next == &self)) return;
  switch_now(*here, self, next);
  if (WEFT_UNLIKELY(self.attention != 0)) {
    arrive(*here, self);
    stop_if_cancelled(*here);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
