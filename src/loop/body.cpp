// SPDX-License-Identifier: BSL-1.0
// A fiber from its first instruction to its last, on its own stack: the body, its result or error,
// and who is told of the end.
#include <cxxabi.h>

#include <cerrno>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "../base/describe_exception.hpp"
#include "../context/float_control.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/errors.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// What its attention asks for before its first statement. False: it ends without one.
WEFT_NOINLINE bool may_begin(fiber& self) noexcept {
  if (self.outcome != fiber_outcome::pending) return false;  // begin_owned() failed
  const bool is_cancelled = (self.attention & attention_cancel) != 0 && !self.is_callback &&
                            self.on_cancel != on_cancel::never;
  if (is_cancelled) self.outcome = fiber_outcome::cancelled;
  return !is_cancelled;
}

WEFT_NO_SANITIZE_NULL void run_body(fiber& self) noexcept {
  if (self.is_stackless) {
    self.error = whole(*self.home).no_stack_error;
    self.has_baggage = true;
    self.outcome = fiber_outcome::error;
  } else if ((self.attention & (attention_cancel | attention_owned)) == 0 || may_begin(self)) {
    try {
      self.ops->run(self);
      self.outcome = fiber_outcome::value;
    } catch (const cancelled&) {
      mark_arrived(self);
      self.outcome = fiber_outcome::cancelled;
    } catch (const abi::__forced_unwind&) {
      fatal("pthread_exit() or pthread_cancel() ended the thread inside " + describe(self) +
            " (spawned at " + describe(self.site) +
            "). A thread's end would leave the other fibers of its loop hanging: return from the "
            "function instead, or cancel the task.");
    } catch (...) {
      self.error = std::current_exception();
      self.has_baggage = true;
      self.outcome = fiber_outcome::error;
    }
  }
  if (self.ops->drop_callable != nullptr) self.ops->drop_callable(self);  // may park
}

}  // namespace

void report_lost_error(fiber& f, const char* how) noexcept {
  if (chooser* const one = chooser_here()) {
    one->error_lost(f, how);
    return;
  }
  try {
    send_report("weft: " + describe(f) + " (spawned at " + describe(f.site) + ") " + how +
                " and ended with " + describe_exception(f.error) +
                ". Nobody took the error: keep the task and get() it, or catch inside.");
  } catch (...) {
    send_report("weft: a task's error was lost, and there was no memory to name it.");
  }
}

WEFT_NOINLINE static void notify_waiters(fiber& self) noexcept {
  while (list_node* const waiting = self.waiters.pop_front()) {
    auto& node = static_cast<wait_node&>(*waiting);
    node.notify(node, self);
  }
}

void forget_held_locks(fiber& f) noexcept {
  try {
    send_report(
        "weft: " + describe(f) + " (spawned at " + describe(f.site) + ") ended while it held " +
        (held_locks(f) == 1 ? "a mutex" : std::to_string(held_locks(f)) + " mutexes") +
        ": nobody can take it any more. Lock by std::lock_guard, which unlocks on every way out.");
  } catch (...) {
    send_report("weft: a task ended while it held a mutex, and there was no memory to name it.");
  }
  f.locks_taken = f.locks_given = 0;
}

// From the body's first instruction until everybody who waits for its end knows.
static void live(loop_core& here, fiber& self) noexcept {
  *here.error_number = 0;
  if (WEFT_UNLIKELY(self.attention != 0)) {
    arrive(here, self);
    if ((self.attention & attention_owned) != 0) begin_owned(here, self);
  }
  trace_run(here, self);
  run_body(self);
  if (WEFT_UNLIKELY(self.family != nullptr && self.outcome == fiber_outcome::error)) {
    self.family->note_failure(self);
  }
  if (!self.has_handle) {
    discard_unseen(self, "was detached");  // may park as well
  }
  if (WEFT_UNLIKELY(held_locks(self) != 0)) forget_held_locks(self);
  if (WEFT_UNLIKELY(self.has_locals)) drop_locals(self);  // and this
  WEFT_ASSERT(self.state == fiber_state::ready);
  self.state = fiber_state::done;
  if (WEFT_UNLIKELY(here.is_watched)) whole(here).record(testing::trace_kind::end, self);
  // release: a handle on another thread reads the result after it reads this
  self.has_ended.store(true, std::memory_order_release);
  if (self.joiner != nullptr) wake(*std::exchange(self.joiner, nullptr), wake_reason::completed);
  if (WEFT_UNLIKELY(!self.waiters.empty())) notify_waiters(self);
  if (WEFT_UNLIKELY(self.family != nullptr)) self.family->note_end(self);
  if (--here.live == 0 && whole(here).is_closing) wake(here.root, wake_reason::completed);
}

context* fiber_main(context*) noexcept {
  loop_core& here = *running_loop();
  if (WEFT_UNLIKELY(here.is_instrumented)) greet_sanitizer(here);
  for (;;) {
    fiber& self = *here.current;
    live(here, self);
    fiber& next = take_unbound(here);
    if (WEFT_LIKELY(next.state != fiber_state::fresh)) return leave_for_good(here, self, next);
    // The next one is fresh, too: it begins on this warm stack, without any switch.
    if (WEFT_LIKELY(inherit_stack(here, self, next))) {
      if (here.keeps_float_control) float_controls().change_to_default();
      continue;
    }
    return leave_for_good(here, self, bind_stack(here, next) ? next : take_next(here));
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
