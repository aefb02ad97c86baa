// SPDX-License-Identifier: BSL-1.0
// Taking the next fiber and switching to it, with everything that may be due. The hot halves are
// inline in weft/detail/park.hpp and come here when one of their tests says so.
#include "../base/sanitizers.hpp"
#include "../context/float_control.hpp"
#include "../stack/guard.hpp"
#include "../stack/overflow.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr duration time_per_look = std::chrono::microseconds(50);

void* tsan_fiber_of(loop_core& here, fiber& f) noexcept {
  return f.bound != nullptr ? f.bound->tsan_fiber : whole(here).root_tsan_fiber;
}

WEFT_NO_SANITIZE void*& fake_stack_of(loop_core& here, fiber& f) noexcept {
  return f.bound != nullptr ? f.bound->fake_stack : whole(here).root_fake_stack;
}

// Tells AddressSanitizer where the next stack lies; `keep` nullptr: the present one is never
// resumed.
WEFT_NO_SANITIZE void announce_switch(loop_core& here, void** keep, fiber& next) noexcept {
  if (!has_address_sanitizer()) return;
  if (next.bound != nullptr) {
    __sanitizer_start_switch_fiber(keep, next.bound->limit, next.bound->usable_bytes());
  } else {
    __sanitizer_start_switch_fiber(keep, whole(here).root_stack_bottom,
                                   whole(here).root_stack_bytes);
  }
}

void check_canary(const fiber& self) noexcept {
  // Inside a generator the stack may be another one, which has a guard.
  if ((self.attention & attention_canary) == 0 || self.bound->guard != guard_kind::none ||
      is_canary_intact(*self.bound)) {
    return;
  }
  die_of_overflow(victim_of_overflow(self));
}

// True if it is time for the loop to look at timers, inbox and kernel.
bool is_look_due(loop& here) noexcept {
  if (here.is_observed) return true;
  if (here.time->now() - here.last_look >= time_per_look) return true;
  here.turn_end = here.ready.taken() + here.slice;
  return false;
}

// xorshift64: any reproducible sequence will do
void shuffle(loop& here) noexcept {
  std::uint64_t& x = here.random_state;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  here.ready.promote(x % here.ready.size());
}

}  // namespace

bool bind_stack(loop_core& core, fiber& fresh) noexcept {
  loop& here = whole(core);
  stack* s = here.stacks.acquire(fresh.stack_class);
  if (WEFT_UNLIKELY(s == nullptr)) {
    if (here.spare == nullptr) {
      here.starved.push_back(fresh.node);
      return false;
    }
    // Its callable must be destroyed somewhere: on the spare stack, which is kept for that.
    s = here.spare;
    here.spare = nullptr;
    fresh.is_stackless = true;
  }
  fresh.bound = s;
  fresh.state = fiber_state::ready;
  if (WEFT_UNLIKELY(s->guard == guard_kind::none)) fresh.attention |= attention_canary;
  make_context(fresh.ctx, s->top, s->usable_bytes(), &fiber_main);
  return true;
}

static fiber& take_first(loop& here) noexcept {
  if (here.ready.empty()) return here.idle;
  if (here.eager_spawners != 0) {
    --here.eager_spawners;  // the first is one of them: it goes on, whatever the seed
  } else if (here.how.seed != 0) {
    shuffle(here);
  } else if (here.chooses != nullptr) {
    here.chooses->choose(here);
  }
  return here.ready.pop();
}

// The copy of a loop in a child of fork() must not run the parent's fibers.
[[noreturn]] static void end_child(loop& here) noexcept {
  const fiber& self = *here.current;
  const bool is_waiting = self.state == fiber_state::parked;
  fatal(refusal_in_child(
      *here.shared,
      describe(self) + (is_waiting ? " would have to wait in " + std::string(self.wait->name)
                                   : std::string(" ended"))));
}

WEFT_NOINLINE fiber& take_slowly(loop_core& core) noexcept {
  loop& here = whole(core);
  if (WEFT_UNLIKELY(here.shared->is_of_parent())) end_child(here);
  if (here.ready.taken() >= here.turn_end && is_look_due(here)) return here.idle;
  return take_first(here);
}

fiber& take_after_look(loop_core& here) noexcept {
  for (;;) {
    fiber& next = take_first(whole(here));
    if (next.state != fiber_state::fresh || bind_stack(here, next)) return next;
  }
}

fiber& take_next(loop_core& here) noexcept {
  for (;;) {
    fiber& next = take_unbound(here);
    if (WEFT_LIKELY(next.state != fiber_state::fresh) || bind_stack(here, next)) return next;
  }
}

WEFT_NOINLINE WEFT_NO_SANITIZE void switch_to(loop_core& here, fiber& self, fiber& next) noexcept {
  if (WEFT_UNLIKELY((self.attention & attention_owned) != 0)) put_owned_aside(here, self);
  if (WEFT_UNLIKELY(here.eh->any())) {
    // The runtime's state is the thread's; each fiber takes its own along (HAZARD H1).
    self.saved_eh = *here.eh;
    *here.eh = eh_state{};
  }
  if (here.keeps_float_control) note_float_control(self.ctx);
  self.saved_errno = *here.error_number;
  here.current = &next;
  if (WEFT_UNLIKELY(here.is_instrumented)) {
    announce_switch(here, &fake_stack_of(here, self), next);
    // In the frame of the jump and right before it: a helper that returned in between would
    // underflow ThreadSanitizer's shadow stack (HAZARD H15).
    if (has_thread_sanitizer()) __tsan_switch_to_fiber(tsan_fiber_of(here, next), 0);
  }
  WEFT_C_NAME(context_switch)(&self.ctx, &next.ctx);
  if (WEFT_UNLIKELY(here.is_instrumented) && has_address_sanitizer()) {
    __sanitizer_finish_switch_fiber(fake_stack_of(here, self), nullptr, nullptr);
  }
  if (WEFT_UNLIKELY(self.attention != 0)) arrive(here, self);
  trace_run(here, self);
  if (WEFT_UNLIKELY(self.saved_eh.any())) {
    *here.eh = self.saved_eh;
    self.saved_eh = eh_state{};
  }
  *here.error_number = self.saved_errno;
}

// A stack is given back by whoever runs next: its own fiber still stands on it (DESIGN, 3.4).
void arrive(loop_core& here, fiber& self) noexcept {
  if ((self.attention & attention_owned) != 0) put_owned_back(here, self);
  if ((self.attention & attention_reclaim) == 0) return;
  self.attention = static_cast<std::uint8_t>(self.attention & ~attention_reclaim);
  fiber& ended = *here.finished;
  here.finished = nullptr;
  whole(here).reclaim(ended);
}

void loop::reclaim(fiber& ended) noexcept {
  if (ended.is_stackless) {
    spare = ended.bound;
  } else {
    if (WEFT_UNLIKELY(marks != nullptr)) marks->note(ended.site, *ended.bound);
    stacks.release(*ended.bound, ended.stack_class);
  }
  ended.bound = nullptr;
  feed_starved(ended.stack_class);
  if (!ended.has_handle) free_record(ended);
}

// The one that waits longest for this size gets it here and now: in the ring, a fiber spawned since
// would be before it. Without one, the first of all may ask for memory. One stack, one try: were
// all to ask again, n starving fibers would cost n * n requests.
void loop::feed_starved(std::uint32_t returned) noexcept {
  if (starved.empty()) return;
  list_node* const match = starved.find_if([returned](list_node& node) {
    return static_cast<wait_node&>(node).owner->stack_class == returned;
  });
  if (match != nullptr) match->unlink();
  list_node* const chosen = match != nullptr ? match : starved.pop_front();
  fiber& longest = *static_cast<wait_node&>(*chosen).owner;
  if (bind_stack(*this, longest)) ready.push(longest);
}

void suspend_slowly(loop_core& here, fiber& self) noexcept {
  if (WEFT_UNLIKELY((self.attention & attention_canary) != 0)) check_canary(self);
  fiber& next = take_next(here);
  if (&next == &self) {
    trace_run(here, self);
    return;
  }
  switch_to(here, self, next);
}

void start_eagerly(loop_core& here, fiber& record) noexcept {
  if (here.current == &here.idle || !whole(here).starved.empty()) {
    start_fiber(here, record);  // it would have to wait for a stack, behind others
    return;
  }
  record.attention = static_cast<std::uint8_t>(record.attention | here.born_attention);
  record.since = here.last_look;
  ++here.live;
  if (WEFT_UNLIKELY(here.is_watched)) trace_spawn(here, record);
  if (!bind_stack(here, record)) return;
  fiber& self = *here.current;
  here.ready.push_front(self);
  if (whole(here).how.seed != 0 || whole(here).chooses != nullptr) ++whole(here).eager_spawners;
  // The ring has gone back by one: what watches every switch must see the next one, too.
  if (WEFT_UNLIKELY(here.is_watched)) here.turn_end = 0;
  whole(here).record(testing::trace_kind::park, self, "eager spawn");
  switch_to(here, self, record);
}

[[noreturn]] WEFT_NO_SANITIZE static void leave_instrumented(loop_core& here, fiber& self,
                                                             fiber& next) noexcept {
  announce_switch(here, nullptr, next);
  if (has_thread_sanitizer()) __tsan_switch_to_fiber(tsan_fiber_of(here, next), 0);
  WEFT_C_NAME(context_switch)(&self.ctx, &next.ctx);
  __builtin_unreachable();
}

bool inherit_stack(loop_core& core, fiber& self, fiber& next) noexcept {
  loop& here = whole(core);
  if (next.state != fiber_state::fresh || next.stack_class != self.stack_class ||
      self.is_stackless || here.watches_stacks || !here.starved.empty()) {
    return false;
  }
  check_canary(self);
  next.bound = self.bound;
  self.bound = nullptr;
  next.attention = static_cast<std::uint8_t>(next.attention | (self.attention & attention_canary));
  next.state = fiber_state::ready;
  here.current = &next;
  if (!self.has_handle) free_record(self);
  return true;
}

context* leave_for_good(loop_core& core, fiber& self, fiber& next) noexcept {
  loop& here = whole(core);
  check_canary(self);
  if (here.keeps_float_control) leave_float_control(next.ctx);
  here.current = &next;
  // A stack of the pool that stays warm is put on its list right away: nobody can take it before
  // the switch is over. All else (memory given back or measured, a starving fiber, a sanitizer that
  // still looks at this stack) waits until the successor stands on its own.
  if (WEFT_LIKELY(!here.watches_stacks && !self.is_stackless && here.starved.empty()) &&
      here.stacks.keep_warm(*self.bound, self.stack_class)) {
    self.bound = nullptr;
    if (!self.has_handle) free_record(self);
    return &next.ctx;
  }
  here.finished = &self;
  next.attention |= attention_reclaim;
  if (WEFT_UNLIKELY(here.is_instrumented)) leave_instrumented(here, self, next);
  return &next.ctx;
}

void greet_sanitizer(loop_core& here) noexcept {
  if (here.is_instrumented && has_address_sanitizer()) {
    __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
