// SPDX-License-Identifier: BSL-1.0
// Taking the next fiber and switching to it. Every switch of the program passes the one call of
// context_switch below: the return stack buffer then predicts the resumed side's return, and a
// second call site was measured to double spawn+join.
#include "../base/sanitizers.hpp"
#include "../stack/guard.hpp"
#include "../stack/overflow.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr unsigned switches_per_look = 61;
constexpr duration time_per_look = std::chrono::microseconds(50);

void* tsan_fiber_of(loop_core& here, fiber& f) noexcept {
  return f.bound != nullptr ? f.bound->tsan_fiber : whole(here).root_tsan_fiber;
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
  if ((self.attention & attention_canary) == 0 || is_canary_intact(*self.bound)) return;
  die_of_overflow(victim_of_overflow(self));
}

// Binds a stack to a fiber that runs for the first time. False: it must wait for one.
bool bind_stack(loop& here, fiber& f) noexcept {
  stack* s = here.stacks.acquire(f.stack_class);
  if (s == nullptr) {
    if (here.spare == nullptr) {
      here.starved.push_back(f.node);
      return false;
    }
    // Its callable must be destroyed somewhere: on the spare stack, which is kept for that.
    s = here.spare;
    here.spare = nullptr;
    f.is_stackless = true;
  }
  f.bound = s;
  f.has_started = true;
  if (s->guard == guard_kind::none) f.attention |= attention_canary;
  make_context(f.ctx, s->top, s->usable_bytes(), &fiber_main);
  return true;
}

// True if it is time for the loop to look at timers, inbox and kernel.
bool is_look_due(loop& here) noexcept {
  if (here.is_observed) return true;
  if (here.time->now() - here.last_look >= time_per_look) return true;
  here.switches_left = switches_per_look;
  return false;
}

}  // namespace

fiber& take_next(loop_core& here) noexcept {
  if (WEFT_UNLIKELY(--here.switches_left == 0) && is_look_due(whole(here))) return here.idle;
  while (!here.ready.empty()) {
    if (WEFT_UNLIKELY(here.is_observed) && whole(here).how.seed != 0) {
      // xorshift64: any reproducible sequence will do
      std::uint64_t& x = whole(here).random_state;
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      here.ready.promote(x % here.ready.size());
    }
    fiber& next = here.ready.pop();
    if (WEFT_LIKELY(next.has_started) || bind_stack(whole(here), next)) return next;
  }
  return here.idle;
}

WEFT_NOINLINE WEFT_NO_SANITIZE void switch_to(loop_core& here, fiber& self, fiber& next) noexcept {
  if (WEFT_UNLIKELY(here.eh->any())) {
    // The runtime's state is the thread's; each fiber takes its own along (HAZARD H1).
    self.saved_eh = *here.eh;
    *here.eh = eh_state{};
  }
  self.saved_errno = *here.error_number;
  here.current = &next;
  if (WEFT_UNLIKELY(here.is_instrumented)) {
    announce_switch(here, &self.sanitizer_stack, next);
    // In the frame of the jump and right before it: a helper that returned in between would
    // underflow ThreadSanitizer's shadow stack (HAZARD H15).
    if (has_thread_sanitizer()) __tsan_switch_to_fiber(tsan_fiber_of(here, next), 0);
  }
  WEFT_C_NAME(context_switch)(&self.ctx, &next.ctx);
  if (WEFT_UNLIKELY(here.is_instrumented) && has_address_sanitizer()) {
    __sanitizer_finish_switch_fiber(self.sanitizer_stack, nullptr, nullptr);
  }
  arrive(here);
  if (WEFT_UNLIKELY(self.saved_eh.any())) {
    *here.eh = self.saved_eh;
    self.saved_eh = eh_state{};
  }
  *here.error_number = self.saved_errno;
}

// A stack is given back by whoever runs next: its own fiber still stands on it (DESIGN, 3.4).
void arrive(loop_core& here) noexcept {
  if (fiber* const ended = here.finished) {
    here.finished = nullptr;
    whole(here).reclaim(*ended);
  }
  fiber& self = *here.current;
  if (&self == &here.idle) return;
  change_state(self, fiber_state::ready, fiber_state::running);
  self.since = whole(here).last_look;
  whole(here).record(testing::trace_kind::run, self);
}

void loop::reclaim(fiber& ended) noexcept {
  if (ended.is_stackless) {
    spare = ended.bound;
  } else {
    if (WEFT_UNLIKELY(marks != nullptr)) marks->note(ended.site, *ended.bound);
    stacks.release(*ended.bound, ended.stack_class);
  }
  ended.bound = nullptr;
  feed_starved();
  if (!ended.has_handle) free_record(ended);
}

// One stack, one try: were all of them to ask again, n starving fibers would cost n * n requests.
void loop::feed_starved() noexcept {
  if (list_node* const waiting = starved.pop_front()) {
    ready.push(*static_cast<wait_node&>(*waiting).owner);
  }
}

void suspend(loop_core& here, fiber& self) noexcept {
  if (WEFT_UNLIKELY((self.attention & attention_canary) != 0)) check_canary(self);
  fiber& next = take_next(here);
  if (&next == &self) {
    change_state(self, fiber_state::ready, fiber_state::running);
    whole(here).record(testing::trace_kind::run, self);
    return;
  }
  switch_to(here, self, next);
}

[[noreturn]] WEFT_NO_SANITIZE static void leave_instrumented(loop_core& here, fiber& self,
                                                             fiber& next) noexcept {
  announce_switch(here, nullptr, next);
  if (has_thread_sanitizer()) __tsan_switch_to_fiber(tsan_fiber_of(here, next), 0);
  WEFT_C_NAME(context_switch)(&self.ctx, &next.ctx);
  __builtin_unreachable();
}

context* leave_for_good(loop_core& here, fiber& self, fiber& next) noexcept {
  check_canary(self);
  here.finished = &self;
  here.current = &next;
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
