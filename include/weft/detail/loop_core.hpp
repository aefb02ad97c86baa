// SPDX-License-Identifier: BSL-1.0
// The hot half of a loop: what a switch, a park and a wake touch. Layer: loop. The rest (timers,
// poller, pools, signals) lives in src/loop/loop.hpp and is reached only off the hot path.
// One loop belongs to one thread; nothing here is touched by another.
#pragma once

#include <cstddef>
#include <cstdint>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/eh_state.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/ready_ring.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Operations that a fiber may do in a row without a wait: SEMANTICS 48.
inline constexpr unsigned most_budget = 128;

struct loop_core {
  fiber* current = nullptr;     // who runs; &idle while the loop itself works
  eh_state* eh = nullptr;       // this thread's live exception state
  int* error_number = nullptr;  // this thread's errno: one address for the thread's life
  // When ready.taken() has come this far, a switch takes its slow path and the loop looks at the
  // clock. A watched loop (trace, seed, virtual clock, sanitizer) is always there.
  std::size_t turn_end = 0;
  // What the running fiber may do without a wait before it must let others run; filled up anew
  // whenever the ring has moved since `budget_turn`.
  unsigned budget = most_budget;
  std::size_t budget_turn = 0;
  std::uint8_t born_attention = 0;  // of every fiber that starts: cancelled, while the loop closes
  bool is_watched = false;
  bool keeps_float_control = true;  // each fiber has its own: options::float_control
  ready_ring ready;
  fiber* free_records = nullptr;  // blank ones, linked through payload
  std::uint64_t next_id = 1;
  std::size_t waiting[3] = {};    // parked in wakers, by ended_by
  std::size_t live = 0;           // fibers that have not ended, main apart
  time_point last_look{};         // the loop's notion of the present, for `since`
  fiber* finished = nullptr;      // whose stack the next to run gives back: attention_reclaim
  bool is_instrumented = false;   // a sanitizer must be told of every switch
  bool is_observed = false;       // seed or virtual clock: every switch passes the idle context
  shared_side* shared = nullptr;  // outlives the loop: inbox and record memory
  fiber idle;                     // the loop's own context: polls when nothing is ready
  fiber root;                     // main, on the thread's own stack
};

}  // namespace detail
WEFT_NAMESPACE_END

extern "C" {
extern WEFT_API __thread weft::detail::loop_core* WEFT_C_NAME(current_loop)
    __attribute__((tls_model("initial-exec")));
}

WEFT_NAMESPACE_BEGIN
namespace detail {

// The loop that runs on this thread; nullptr on a plain thread. Read through asm volatile: a plain
// read lets the compiler keep the TLS offset in a register that the switch reloads (7.5 ns a yield
// became 18, measured), or keep the value over a switch.
WEFT_INLINE loop_core* running_loop() noexcept {
  loop_core* here;
#if defined(__x86_64__)
  asm volatile("movq " WEFT_C_NAME_STRING(current_loop) "@gottpoff(%%rip), %0\n\t"
               "movq %%fs:(%0), %0"
               : "=&r"(here)
               :
               : "memory");
#elif defined(__aarch64__)
  void* scratch;
  asm volatile("mrs %1, tpidr_el0\n\t"
               "adrp %0, :gottprel:" WEFT_C_NAME_STRING(current_loop) "\n\t"
               "ldr %0, [%0, #:gottprel_lo12:" WEFT_C_NAME_STRING(current_loop) "]\n\t"
               "ldr %0, [%1, %0]"
               : "=&r"(here), "=&r"(scratch)
               :
               : "memory");
#else
  here = WEFT_C_NAME(current_loop);
  asm volatile("" : "+r"(here) : : "memory");
#endif
  return here;
}

// -- what templates and the layers above call --

// True if the record is this loop's. relaxed: it is so only if this thread wrote the pointer.
WEFT_INLINE bool is_of(const loop_core& here, const fiber& record) noexcept {
  return record.shared.load(std::memory_order_relaxed) == here.shared;
}

// An address in the code that this is inlined into: a spawn with arguments cannot tell its line.
WEFT_INLINE const void* code_address() noexcept {
  const void* here = nullptr;
#if defined(__x86_64__)
  asm("leaq 0(%%rip), %0" : "=r"(here));
#elif defined(__aarch64__)
  asm("adr %0, ." : "=r"(here));
#endif
  return here;
}

// The running loop, or std::logic_error "weft: CALL needs a running loop: ...".
WEFT_API loop_core& require_loop(const char* call);

WEFT_INLINE loop_core& loop_or_throw(const char* call) {
  loop_core* const here = running_loop();
  return WEFT_LIKELY(here != nullptr) ? *here : require_loop(call);
}

struct spawn_request {
  std::size_t stack_bytes = 0;  // 0: the loop's default
  spawn_site site;
};

// A record with a payload still to come. `here` nullptr: made by another thread, from the heap.
// Throws: std::bad_alloc for the record, std::logic_error for an impossible stack size.
WEFT_API fiber& new_fiber(loop_core* here, const spawn_request& request);

// Makes more blank records, and room in the ring and the timer heap for all there are, so that a
// wake cannot fail.  Throws: std::bad_alloc.
WEFT_API void refill_records(loop_core& here);

// Gives back a record that nobody took, with what was made of its payload.
WEFT_API void abandon_fiber(fiber& record) noexcept;

// Destroys error and baggage of a record.
WEFT_API void clean_record(fiber& record) noexcept;

// Lets `record` share what `parent` has; changes of one are invisible to the other. In locals.cpp.
WEFT_API void inherit_locals(fiber& record, const fiber& parent) noexcept;

// Lets go of a record's values, whose destructors are user code.
WEFT_API void drop_locals(fiber& record) noexcept;

// A blank record turned fresh, for the default stack size.  Throws: std::bad_alloc.
WEFT_INLINE fiber& take_record(loop_core& here, const spawn_site& site) {
  if (WEFT_UNLIKELY(here.free_records == nullptr)) refill_records(here);
  fiber& record = *here.free_records;
  here.free_records = static_cast<fiber*>(record.payload);
  record.state = fiber_state::fresh;
  record.id = ++here.next_id;
  record.parent = here.current->id;
  record.site = site;
  if (WEFT_UNLIKELY(here.current->has_locals)) inherit_locals(record, *here.current);
  return record;
}

// What a blank record must be: everything that take_record() and a switch do not write anyway.
WEFT_INLINE void make_blank(fiber& record) noexcept {
  if (WEFT_UNLIKELY(record.has_baggage)) clean_record(record);
  record.state = fiber_state::blank;
  record.attention = 0;
  record.is_cancellable = false;
  record.outcome = fiber_outcome::pending;
  record.has_handle = record.is_callback = record.is_stackless = record.is_result_taken =
      record.is_error_seen = record.has_baggage = record.has_locals = false;
  record.is_cancel_called = false;
  record.locks_taken = record.locks_given = 0;
  record.on_cancel = on_cancel::throws;
  record.ops = nullptr;
  record.stack_class = 0;
  record.has_ended.store(false, std::memory_order_relaxed);  // nobody refers to it any more
}

// Takes a pooled record back, on the thread of its loop.
WEFT_INLINE void give_record(loop_core& here, fiber& record) noexcept {
  make_blank(record);
  record.payload = here.free_records;
  here.free_records = &record;
}

// Abandons the record unless released: the payload's constructor may throw.
class record_guard {
 public:
  explicit record_guard(fiber& record) noexcept : record_(&record) {}
  ~record_guard() {
    if (record_ != nullptr) abandon_fiber(*record_);
  }
  record_guard(const record_guard&) = delete;
  record_guard& operator=(const record_guard&) = delete;
  void release() noexcept { record_ = nullptr; }

 private:
  fiber* record_;
};

// A wait_node::notify that wakes the node's owner.
WEFT_API void wake_owner(wait_node& node, fiber& finished) noexcept;

// Asks whether a cancel may end the wait that the running fiber is about to begin. A throw while an
// exception is in flight would terminate (HAZARD H6) unless a scope was entered since, and so would
// one from the destructors of a body that has ended: delivery is deferred.
WEFT_API bool can_cancel_slowly(const loop_core& here) noexcept;
WEFT_INLINE bool can_cancel_wait(const loop_core& here) noexcept {
  return WEFT_LIKELY(here.eh->uncaught == 0 && here.current->outcome == fiber_outcome::pending) ||
         can_cancel_slowly(here);
}

// The same for a wait that owes its caller a value: it can only throw, or go on.
WEFT_INLINE bool is_cancel_deliverable(const loop_core& here) noexcept {
  return can_cancel_wait(here) && here.current->on_cancel != on_cancel::errno_;
}

// At the start of a wait: throws `cancelled` if that is due and can be caught.
WEFT_API void throw_if_visible(loop_core& here);
WEFT_INLINE void throw_if_cancelled(loop_core& here) {
  if (WEFT_UNLIKELY((here.current->attention & attention_cancel) != 0)) throw_if_visible(here);
}

// The same for a wait that owes nothing: in a task whose waits set errno it returns true, with
// errno set to ECANCELED, and the wait is over.
WEFT_API bool stop_if_visible(loop_core& here);
WEFT_INLINE bool stop_if_cancelled(loop_core& here) {
  return WEFT_UNLIKELY((here.current->attention & attention_cancel) != 0) && stop_if_visible(here);
}

// After a park that ended with wake_reason::cancelled.
[[noreturn]] WEFT_API void throw_cancelled(loop_core& here);
WEFT_API bool stop_cancelled(loop_core& here);  // the same where nothing is owed; true

// True once cancel() of the task was called, or its loop closes.
inline bool is_task_cancelled(const fiber& f) noexcept {
  return f.is_cancel_called || (f.home->born_attention & attention_cancel) != 0;
}

// True if a cancel is visible and can be delivered here and now.
WEFT_API bool is_cancel_due(const loop_core& here) noexcept;

// The `cancelled` that was thrown at this fiber is where it belongs.
WEFT_API void mark_arrived(const fiber& self) noexcept;

// True if any level around the present point was cancelled, behind a shield or not.
bool is_cancel_requested(const fiber& self) noexcept;

// Waits for another fiber of this loop, as a wait that cannot throw or as one that can.
WEFT_API void join_noexcept(loop_core& here, fiber& other) noexcept;
WEFT_API void join_fiber(loop_core& here, fiber& other);
bool join_fiber_until(loop_core& here, fiber& other, time_point deadline);  // false: too late

// Cancels the task and, if it is parked in a wait that a cancel may end, wakes it. False if it has
// ended.  Throws: std::bad_alloc for the reason, with nothing done.
WEFT_API bool cancel_fiber(fiber& target, std::string_view reason);

}  // namespace detail
WEFT_NAMESPACE_END
