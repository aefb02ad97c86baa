// SPDX-License-Identifier: BSL-1.0
// What any ordinary function may call: sleep, yield, and questions about the fiber that runs it.
// Layer: loop. None of it needs to know whether it runs in a fiber: on a plain thread the waits
// block that thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/park.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// Sleeps for `span`, never shorter, up to 1/1024 longer (options::timer_slack); zero or less yields
// once, duration::max() sleeps until cancelled.
// Parks: may.  Calls from: fiber; any other thread sleeps as a whole. Throws: cancelled.
WEFT_API void await_sleep(duration span);

// The same for a duration of any unit, held to the clock's range.
// Throws: cancelled; std::logic_error for a span that is not a number.
template <class Rep, class Period>
void await_sleep(std::chrono::duration<Rep, Period> span) {
  await_sleep(detail::saturate(span));
}

// Sleeps until weft::now() reaches `deadline`; one in the past yields once.
// Parks: may.  Calls from: fiber; any other thread sleeps as a whole.
// Throws: cancelled.
WEFT_API void await_sleep_until(time_point deadline);

template <class Duration>
void await_sleep_until(std::chrono::time_point<clock, Duration> deadline) {
  await_sleep_until(detail::saturate(deadline));
}

// Goes behind every fiber that is ready now, and lets timers and I/O in: a loop of yields starves
// nobody.  Parks: may.  Calls from: fiber; any other thread yields its time slice.
// Throws: cancelled.
WEFT_INLINE void yield() { detail::yield_fiber(); }

// Yields if the loop has not looked at its timers and the kernel for a millisecond, so that a long
// computation may call it in every round. When it does not yield, it costs a reading of the clock,
// some 25 ns: call it once for a few microseconds of work.
// Parks: may.  Calls from: any thread; does nothing outside a fiber.  Throws: cancelled, only if it
// yields (checkpoint() throws at once).
WEFT_API void maybe_yield();

// Throws if this task, or a scope around here, was cancelled. Else returns at once, but for every
// 128th in a row, which yields: a loop of checkpoints starves nobody.
// Parks: may.  Calls from: any thread; does nothing outside a fiber.  Throws: cancelled.
WEFT_API void checkpoint();

// True on a fiber (main included), where a wait parks; false where it would block the thread.
// Parks: never.  Calls from: any thread.
WEFT_API bool in_fiber() noexcept;

namespace this_fiber {

// Tells the number of the running fiber within its loop; main is 1.
// Parks: never.  Calls from: fiber.  Throws: std::logic_error outside a fiber (all of these do).
WEFT_API fiber_id id();

// Tells the running fiber's name, empty if it has none. Lifetime: until set_name or the fiber's
// end.
WEFT_API std::string_view name();

// Names the running fiber in messages and dumps.  Throws: std::bad_alloc.
WEFT_API void set_name(std::string name);

// True once somebody cancelled this task or a scope around here, even where a wait would not throw
// (while unwinding, inside shielded()).
WEFT_API bool cancel_requested();

// Bytes of stack between the fiber's first frame and the caller of this function.
WEFT_API std::size_t stack_used();

// Bytes of stack left before the guard.
WEFT_API std::size_t stack_left();

// Bytes of the present stack that were ever in use, up to a page more: a measure for stack_bytes.
// Without options::measure_stacks a stack that other fibers had before tells of the deepest of
// them; with it, of the running fiber alone. On main: since the thread began. Takes some
// microseconds: it asks the kernel.
WEFT_API std::size_t stack_high_water();

// await_sleep and await_sleep_until under the names that <thread> uses.
template <class Rep, class Period>
void sleep_for(std::chrono::duration<Rep, Period> span) {
  await_sleep(span);
}
template <class Duration>
void sleep_until(std::chrono::time_point<clock, Duration> deadline) {
  await_sleep_until(deadline);
}

}  // namespace this_fiber
WEFT_NAMESPACE_END
