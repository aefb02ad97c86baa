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

struct loop_core {
  fiber* current = nullptr;      // who runs; &idle while the loop itself works
  fiber* finished = nullptr;     // has ended; whoever runs next returns its stack
  eh_state* eh = nullptr;        // this thread's live exception state
  int* error_number = nullptr;   // this thread's errno: one address for the thread's life
  unsigned switches_left = 1;    // until the loop looks at the clock
  bool is_instrumented = false;  // a sanitizer or valgrind must be told of every switch
  bool is_observed = false;  // seed, trace or virtual clock: every switch passes the idle context
  ready_ring ready;
  std::size_t live = 0;           // fibers that have not ended, main apart
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

// The running loop, or std::logic_error "weft: CALL needs a running loop: ...".
WEFT_API loop_core& require_loop(const char* call);

struct spawn_request {
  std::size_t stack_bytes = 0;  // 0: the loop's default
  spawn_site site;
};

// A record with a payload still to come. `here` nullptr: made by another thread, from the heap.
// Throws: std::bad_alloc for the record, std::logic_error for an impossible stack size.
WEFT_API fiber& new_fiber(loop_core* here, const spawn_request& request);

// Gives back a record that nobody took, with what was made of its payload.
WEFT_API void abandon_fiber(fiber& record) noexcept;

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

// Queues a fresh fiber behind what is ready.
WEFT_API void start_fiber(loop_core& here, fiber& record) noexcept;

// Stops the running fiber until wake(). The caller has registered it where a waker finds it.
// `what` must be static text. Never throws: the caller decides what woken_by means.
WEFT_API wake_reason park(loop_core& here, const char* what, const void* on,
                          bool is_cancellable) noexcept;

// Makes a parked fiber of this thread's loop ready and takes it out of its wait room and timer;
// a no-op for one that is not parked (a wait is woken once).
WEFT_API void wake(fiber& parked, wake_reason reason) noexcept;

// A wait_node::notify that wakes the node's owner.
WEFT_API void wake_owner(wait_node& node, fiber& finished) noexcept;

// True if the running fiber's waits may be ended by a cancel: not while its stack unwinds.
WEFT_API bool is_cancel_deliverable(const loop_core& here) noexcept;

// Throws `cancelled` if the running fiber was cancelled and the throw can be caught.
WEFT_API void throw_if_cancelled(loop_core& here);
[[noreturn]] WEFT_API void throw_cancelled(const fiber& self);

// Waits for another fiber of this loop, as a wait that cannot throw or as one that can.
WEFT_API void join_noexcept(loop_core& here, fiber& other) noexcept;
WEFT_API void join_fiber(loop_core& here, fiber& other);

// Marks and, if it is parked in a cancellable wait, wakes it. False if it has already ended.
WEFT_API bool cancel_fiber(fiber& target, std::string_view reason);

}  // namespace detail
WEFT_NAMESPACE_END
