// SPDX-License-Identifier: BSL-1.0
// The idle context: the loop's own small flow of control. It looks at the clock, timers, inbox and
// kernel, waits when nothing is ready, and hands over to the next fiber. No user code runs here.
// In a guest's step it stands on the host's stack: guest.cpp.
#include <algorithm>

#include "hooked_wait.hpp"
#include "loop.hpp"
#include "tree.hpp"
#include "wait_graph.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// How long a loop in which nothing can move but by another thread sleeps before it asks whether
// there is one; then twice as long, and so on: a thread may end without a word.
constexpr duration time_per_doubt = std::chrono::milliseconds(25);
constexpr unsigned most_doubts = 9;      // 13 s
constexpr unsigned looks_per_poll = 61;  // of an observed loop

void cancel_main_on_sigint(loop& here) noexcept {
  if (!take_sigint()) return;
  if (here.is_closing) {  // main has returned: close() acts on it
    here.has_late_sigint = true;
    return;
  }
  here.was_interrupted = true;
  try {
    cancel_fiber(here.root, "SIGINT");
  } catch (...) {  // no memory for the reason
    cancel_fiber(here.root, {});
  }
}

// Everything that can make a fiber ready without waiting.
void look(loop& here) noexcept {
  here.last_look = here.ask_clock();
  here.fire_timers();
  here.shared->box.drain(here);
  if (!here.arrivals.empty()) here.admit_arrivals();
  cancel_main_on_sigint(here);
  // relaxed: this thread's own handler wrote it
  if (here.interruptions.load(std::memory_order_relaxed) != here.seen_interruptions) {
    interrupt_hooked_waits(here);
  }
  if (here.tree_bell.take()) report_tree(here);
  if (here.fresh != nullptr) here.fresh->take(here);
}

// True if something became ready without the kernel's sleep: somebody waits for quiet, or the
// clock can jump.
bool move_without_waiting(loop& here) noexcept {
  if (!here.quiet.empty()) {
    while (list_node* const waiting = here.quiet.pop_front()) {
      wake(*static_cast<wait_node&>(*waiting).owner, wake_reason::completed);
    }
    return true;
  }
  // acquire; pairs with the release of an external loop_ref
  if (here.shared->external.load(std::memory_order_acquire) != 0) return false;
  if (here.shared->box.has_mail()) return true;  // what came before the last external ref went
  const time_point before = here.time->now();
  if (!here.time->jump(here.timers.next_deadline())) return false;
  if (here.time->now() != before) here.record(testing::trace_kind::jump, here.idle);
  return true;
}

// True if another thread has sent something meanwhile.
bool look_before_sleep(loop& here, duration longest) noexcept {
  if (longest <= patience::longest || !here.looks_before_sleep.has_any()) return false;
  return here.looks_before_sleep.look_for([&here] {
    return here.shared->box.may_have_mail() || (here.fresh != nullptr && here.fresh->has_any());
  });
}

void sleep_in_kernel(loop& here, duration longest) noexcept {
  if (here.time->is_wall_time()) {
    longest = std::min(longest, here.stacks.untidy_in(here.time->now()));
  }
  const bool had_patience = here.looks_before_sleep.has_any();
  if (look_before_sleep(here, longest)) return;
  here.shared->box.announce_sleep();
  if (!here.shared->box.has_mail() && (here.fresh == nullptr || here.fresh->may_sleep(here))) {
    const time_point began = clock::now();
    here.kernel->wait(longest);
    if (!had_patience && here.shared->box.may_have_mail()) {
      here.looks_before_sleep.was_rung_after(clock::now() - began);
    }
  }
  here.shared->box.cancel_sleep();
  wake_watchdog();
}

void sleep_in_kernel(loop& here) noexcept {
  duration longest = here.longest_sleep();
  if (longest == duration::max() && may_be_deadlocked(here))
    longest = time_per_doubt * (1 << here.doubts);
  sleep_in_kernel(here, longest);
}

// Nothing is ready and no timer is set. True if main was told that nothing ever will be.
bool give_up_waiting(loop& here) noexcept {
  // A wait that another thread might end gets a moment first: asking for threads takes 5 us.
  const bool is_first = here.doubts == 0;
  here.doubts = std::min(here.doubts + 1, most_doubts);
  const bool is_closed_world = here.chooses != nullptr;
  if (is_first && !is_closed_world && here.waiting[static_cast<unsigned>(ended_by::threads)] != 0) {
    return false;
  }
  return (is_closed_world || is_deadlocked(here)) && !here.shared->box.has_mail() &&
         break_deadlock(here);
}

}  // namespace

void loop::fire_timers() noexcept {
  while (timer* const due = timers.pop_due(last_look)) due->fire(*due);
}

duration loop::longest_sleep() noexcept {
  duration longest = duration::max();
  if (!timers.empty() && time->is_wall_time()) {
    longest = saturating_gap(time->now(), timers.look_by());
  }
  // Nobody rings when memory comes back for those who could not be admitted.
  if (!arrivals.empty()) longest = std::min<duration>(longest, std::chrono::milliseconds(10));
  return longest;
}

bool loop::begin_turn() noexcept {
  ++turns;
  turn_end = ready.taken() + slice;
  look(*this);
  if (!ready.empty()) {
    // A loop of yields must let I/O in; observed loops count, so that they are reproducible.
    if (!is_observed || ++looks % looks_per_poll == 0) kernel->wait(duration::zero());
    stacks.tidy(last_look, false);
    return true;
  }
  stacks.tidy(last_look, true);
  return false;
}

void loop::turn() noexcept {
  if (begin_turn()) return;
  doubts = 0;
  while (ready.empty()) {
    if (may_be_deadlocked(*this) && give_up_waiting(*this)) return;
    const bool may_move = !quiet.empty() || !time->is_wall_time();
    if (may_move) {
      kernel->wait(duration::zero());
      look(*this);
      if (!ready.empty()) return;
      if (!move_without_waiting(*this)) sleep_in_kernel(*this);
    } else {
      sleep_in_kernel(*this);
    }
    look(*this);
    stacks.tidy(last_look, ready.empty());
  }
}

bool loop::turn_as_guest(duration longest) noexcept {
  if (begin_turn()) return true;
  kernel->wait(duration::zero());
  look(*this);
  if (!ready.empty()) return true;
  const bool may_move = !quiet.empty() || !time->is_wall_time();
  if (!may_move || !move_without_waiting(*this)) {
    if (longest <= duration::zero()) return false;
    sleep_in_kernel(*this, std::min(longest, longest_sleep()));
  }
  look(*this);
  return !ready.empty();
}

context* idle_main(context*) noexcept {
  loop& here = whole(*running_loop());
  greet_sanitizer(here);
  arrive(here, here.idle);
  while (!here.is_idle_over) {
    here.turn();
    fiber& next = take_after_look(here);
    if (&next != &here.idle) switch_to(here, here.idle, next);
  }
  put_owned_aside(here, here.idle);
  return leave_for_good(here, here.idle, here.root);
}

}  // namespace detail
WEFT_NAMESPACE_END
