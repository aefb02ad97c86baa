// SPDX-License-Identifier: BSL-1.0
// The loop: everything that one thread needs to run fibers. Layer: loop.
// Whose part is where: switch.cpp takes the next fiber and switches; park.cpp parks, wakes and
// cancels; idle.cpp polls and waits; body.cpp runs a fiber from its first to its last instruction;
// loop.cpp makes, enters, leaves and closes a loop; guest.cpp lets it live inside a foreign one.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <string>

#include "../stack/overflow.hpp"
#include "../stack/stack_pool.hpp"
#include "fork.hpp"
#include "fresh_source.hpp"
#include "owned.hpp"
#include "patience.hpp"
#include "poller.hpp"
#include "shared_side.hpp"
#include "sigquit.hpp"
#include "stack_marks.hpp"
#include "tick_clock.hpp"
#include "timer_heap.hpp"
#include "watchdog.hpp"
#include "weft/detail/chooser.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/event_sink.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/park.hpp"
#include "weft/options.hpp"
#include "weft/testing.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop final : public loop_core {
 public:
  // Throws: std::logic_error for impossible options, std::system_error, std::bad_alloc.
  explicit loop(const options& how);
  ~loop();
  loop(const loop&) = delete;
  loop& operator=(const loop&) = delete;

  // Makes this the thread's running loop and the caller its root fiber, and undoes it.
  // Throws: std::logic_error as `call` if a loop runs already or the thread is another.
  void enter(const char* call);
  void leave() noexcept;

  // The loop lives inside a foreign one from now on, until it is closed: whatever becomes ready
  // between two steps makes the poller's descriptor readable. Does nothing the second time.
  // Throws: as enter().
  void become_guest(const char* call);
  bool is_guest() const noexcept { return is_guest_; }
  void end_as_guest() noexcept;
  loop* next_guest = nullptr;  // in guests_of_thread()

  // Runs what is ready for a while on behalf of the host; see runner::step().
  // Throws: std::logic_error before become_guest(), and as enter().
  duration step(duration longest);

  // Cancels and awaits what is left, then refuses everything: enter() inside.
  void close();
  bool is_closed() const noexcept { return is_closed_; }

  // fork.cpp: in the child
  void become_inherited(bool is_of_this_thread) noexcept;
  void go_on_in_child();
  void stay_behind() noexcept;

  // Takes a record in that another thread made.
  void adopt(fiber& record) noexcept;

  // -- parts, used by the files named above --
  const options how;
  clock_source* const time;
  timer_heap timers;
  tick_clock ticks;
  bool counts_ticks;  // the clock is the machine's
  std::unique_ptr<poller> kernel;
  stack_pool stacks;
  stack* spare = nullptr;              // for callables whose fiber could get no stack
  std::unique_ptr<stack_marks> marks;  // only with options::measure_stacks
  bool watches_stacks = false;  // a sanitizer or marks: something is done when one comes back
  // Made early and shared: when stacks run out, the memory for n exceptions has run out, too.
  const std::exception_ptr no_stack_error = std::make_exception_ptr(std::bad_alloc());
  list starved;   // fresh fibers that wait for any stack: through node
  list quiet;     // wait_all_blocked(): through node
  list arrivals;  // from other threads, no room yet: through message
  list adopted;   // records from the heap: through message
  std::size_t adopted_count = 0;
  fresh_source* fresh = nullptr;  // of the pool that the loop belongs to
  event_sink* sinks = nullptr;    // traces
  owned_here owned;               // what changes with the fibers
  chooser* chooses = nullptr;     // who runs next, and may look through what is ready
  sigquit_listener tree_bell;
  std::uint64_t random_state;
  std::uint64_t select_state;      // draws among the ready cases of a select
  unsigned slice = 61;             // switches of a turn; 1 if the loop is watched
  std::size_t eager_spawners = 0;  // with a seed or chooser: first in the ring, in order
  watched_loop watched;            // by the watchdog: while entered, if it has a limit
  unsigned looks = 0;              // observed loops poll the kernel every 61st
  std::uint64_t swallowed = 0;     // `cancelled`s that a catch clause ended before their scope
  std::uint64_t turns = 0;
  std::unique_ptr<std::string> deadlock;  // main's wait is to throw it
  bool has_reported_deadlock = false;
  patience looks_before_sleep;
  unsigned doubts = 0;  // sleeps without a timer since something happened: is that for ever?
  bool has_left_task = false;  // in a child of fork(): a handle went, and left its task alone
  bool is_closing = false;
  // Handlers that interrupted the thread, and how many waits have been told of: hooked_wait.hpp
  std::atomic<unsigned> interruptions{0};
  unsigned seen_interruptions = 0;
  bool is_idle_over = false;     // tells the idle context to return to root for good
  bool was_interrupted = false;  // SIGINT cancelled main
  bool has_late_sigint = false;  // one came when there was no main to cancel: close() acts on it
  void* root_tsan_fiber = nullptr;
  void* root_fake_stack = nullptr;    // as stack::fake_stack
  void* root_stack_bottom = nullptr;  // the thread's stack, for AddressSanitizer and stack_left
  std::size_t root_stack_bytes = 0;

  void record(testing::trace_kind kind, const fiber& f, const char* what = "") noexcept {
    for (event_sink* s = sinks; s != nullptr; s = s->next) s->note(*this, kind, f, what);
  }

  // Adds one of a kind that is not there, and takes it out again. False: there is one already.
  bool add_sink(event_sink& sink) noexcept;
  void remove_sink(event_sink& sink) noexcept;

  std::size_t& waits_for(ended_by who) noexcept { return waiting[static_cast<unsigned>(who)]; }

  // Arms the timer of a wait that begins `now`, with the slack of its length.
  // A thousandth is what Linux grants select() and epoll_wait(). The deadlines of scopes have none.
  void arm(timer& t, time_point now, time_point deadline) noexcept {
    timers.arm(t, deadline, std::min(saturating_gap(now, deadline) / 1024, how.timer_slack));
  }

  // The present, or a little later: for what is due in a while.
  time_point present() noexcept {
    const time_point counted = ticks.present();
    return counted != time_point::min() ? counted : ask_clock();
  }
  time_point ask_clock() noexcept {
    const std::uint64_t before = tick_clock::ticks();
    const time_point told = time->now();
    if (counts_ticks) ticks.note(before, told);
    return told;
  }

  // Sets is_watched and slice by what there is to watch.
  void watch() noexcept;

  // idle.cpp
  void turn() noexcept;
  bool begin_turn() noexcept;                     // true if something is ready
  bool turn_as_guest(duration longest) noexcept;  // the same, at the latest after that time
  duration longest_sleep() noexcept;              // until a timer, if nothing else comes
  void fire_timers() noexcept;

  // switch.cpp: gives the ended fiber's stack (and, without a handle, its record) back
  void reclaim(fiber& ended) noexcept;
  void feed_starved(
      std::uint32_t returned) noexcept;  // a stack came back: one of those who wait may try

  // loop.cpp
  void end_idle() noexcept;
  void look_at_inbox() noexcept;
  void cancel_leftovers() noexcept;
  void admit_arrivals() noexcept;
  void measure_root_stack() noexcept;

  // The record at this address, if it is one of this loop's that is not blank; else nullptr.
  const fiber* find_fiber(const void* address) noexcept {
    if (address == &root) return &root;
    const fiber* found = nullptr;
    for_each_fiber([&](const fiber& f) {
      if (&f == address) found = &f;
    });
    return found;
  }

  template <class F>
  void for_each_fiber(F&& f) {
    shared->records.for_each(f);
    adopted.for_each([&](list_node& link) { f(*static_cast<fiber_message&>(link).owner); });
  }

 private:
  void release_shared_side() noexcept;

  void require_outside(const char* call) const;
  void listen_for_sigquit() noexcept;
  bool is_of_main_thread() const noexcept;
  void install_handlers();
  void remove_handlers() noexcept;
  void rest_as_guest() noexcept;

  loop_link link_;
  fiber* records_aside_ = nullptr;  // free_records, meanwhile
  bool is_closed_ = false;
  bool is_guest_ = false;
  bool has_handlers_ = false;  // these, tree_bell's and the watchdog's eye
  bool has_alternate_stack_ = false;
  bool has_overflow_handler_ = false;
  bool has_sigint_handler_ = false;
  bool is_root_in_generator_ = false;  // run() was called by the body of one
};

inline loop& whole(loop_core& core) noexcept { return static_cast<loop&>(core); }

inline void trace_run(loop_core& here, const fiber& f) noexcept {
  if (WEFT_UNLIKELY(here.is_watched)) whole(here).record(testing::trace_kind::run, f);
}

// park.cpp: the next park of the running fiber ends at `deadline` with wake_reason::timed_out
void arm_own_timer(loop& here, time_point now, time_point deadline) noexcept;

// switch.cpp
fiber& take_slowly(loop_core& here) noexcept;
// The next that is ready, maybe fresh, or the idle context.
inline fiber& take_unbound(loop_core& here) noexcept {
  if (WEFT_UNLIKELY(here.ready.taken() >= here.turn_end || here.ready.empty())) {
    return take_slowly(here);
  }
  return here.ready.pop();
}
fiber& take_next(loop_core& here) noexcept;        // as take_unbound(), with a stack
fiber& take_after_look(loop_core& here) noexcept;  // the same, for the idle context
void switch_to(loop_core& here, fiber& self, fiber& next) noexcept;
// self has ended: next begins on its stack, if it can; or self's stack is left for good
bool inherit_stack(loop_core& here, fiber& self, fiber& next) noexcept;
context* leave_for_good(loop_core& here, fiber& self, fiber& next) noexcept;
void greet_sanitizer(loop_core& here) noexcept;  // before anything else on a fresh stack

// loop.cpp: whom the report of an overflow names; async-signal-safe. Precondition: it has a stack.
overflow_victim victim_of_overflow(const fiber& running) noexcept;

// body.cpp
context* fiber_main(context* self) noexcept;

// cancel.cpp: throws std::logic_error in a child of fork(), where that may be thrown
void refuse_wait_in_child(const loop_core& here);

// guest.cpp: the first of those that have their host on this thread
loop* guests_of_thread() noexcept;

// locals.cpp: main begins with what its thread has set
void inherit_locals_of_thread(fiber& root) noexcept;

// idle.cpp
context* idle_main(context* self) noexcept;

// signals.cpp: the first Ctrl-C cancels main, if the program left SIGINT at its default and this is
// the main thread; the second one acts as ever
bool install_sigint_handler(int event_fd) noexcept;
void uninstall_sigint_handler() noexcept;
bool take_sigint() noexcept;      // true once after a Ctrl-C
[[noreturn]] WEFT_API void die_of_sigint() noexcept;

// body.cpp: says that a fiber ended while it held locks, which they count in its record
void forget_held_locks(fiber& f) noexcept;

// body.cpp: says once that an error reached nobody; `how` the fiber came to that
void report_lost_error(fiber& f, const char* how) noexcept;

// records.cpp: destroys what is left of callable and result, then the record's block
void discard_result(fiber& record) noexcept;

// The same, but says so if an error is lost with it.
void discard_unseen(fiber& record, const char* how) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
