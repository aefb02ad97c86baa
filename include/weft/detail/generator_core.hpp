// SPDX-License-Identifier: BSL-1.0
// A generator without its types, and its hot halves: resume and suspend, inline down to the switch.
// Layer: task. Two flows of control take turns in one fiber: the body on a stack of its own, and
// whoever calls next(). What is rare (the first and the last step, exceptions in flight, a throw
// into the body, sanitizers, misuse) is told by a few tests and goes to src/task/generator.cpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/context.hpp"
#include "weft/detail/eh_state.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/inline_switch.hpp"
#include "weft/detail/loop_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct generator_core;
struct generator_stacks;

// The two that are "slowly" have something to be done at the next switch.
enum class generator_state : std::uint8_t {
  fresh,
  suspended,
  suspended_slowly,
  running,
  running_slowly,
  done,
};

// What must be done with a body whose type only the constructor knew.
struct generator_ops {
  void (*run)(generator_core& self);
  void (*drop_body)(generator_core& self) noexcept;
  void (*free)(generator_core& self) noexcept;  // the record, with its body dropped
};

// The base is the body's side of the switch.
struct generator_core : context {
  generator_core(const generator_ops& kind, std::size_t bytes, const spawn_site& where) noexcept
      : ops(&kind), stack_bytes(bytes), site(where) {}
  generator_core(const generator_core&) = delete;
  generator_core& operator=(const generator_core&) = delete;

  // -- what a step touches --
  context outside;  // who called next()
  generator_state state = generator_state::fresh;
  bool is_closing = false;       // each yield throws: the body is to end
  bool is_always_slow = false;   // a sanitizer must be told, or the stack has a canary for a guard
  void* yielded = nullptr;       // what was yielded last; it lies in the body's frame
  void* sent = nullptr;          // by send(), in its caller's frame; nullptr: it was next()
  loop_core* home = nullptr;     // where the present step runs; nullptr: on a plain thread
  fiber* plain = nullptr;        // takes the running fiber's place on a plain thread
  stack* bound = nullptr;        // the body's
  scope* level = nullptr;        // the innermost of the cancel scopes around next()
  eh_state* eh = nullptr;        // the thread's live exception state
  const void* thread = nullptr;  // thread_pointer() of the thread on which it was started

  // -- the rest --
  const generator_ops* ops;
  std::size_t stack_bytes;  // 0: the default
  spawn_site site;
  std::uint32_t stack_class = 0;
  generator_stacks* stacks = nullptr;  // whose stack it is
  eh_state saved_eh;                   // the body's, while it is suspended
  std::exception_ptr injected;         // to be thrown at the yield
  std::exception_ptr error;            // of the body
  void* fake_stack = nullptr;          // AddressSanitizer's, while suspended
  const void* outer_bottom = nullptr;  // the stack of who called next(), for AddressSanitizer
  std::size_t outer_bytes = 0;
  void* outer_tsan_fiber = nullptr;
};

// -- the slow halves, in the library --

// The step with everything that may be due. False: the body has ended.
WEFT_API bool resume_slowly(generator_core& core);

// After a step that did not end in a plain yield. False: the body has ended; rethrows its error.
WEFT_API bool end_step(generator_core& core);

WEFT_API void suspend_slowly(generator_core& core, void* value);
WEFT_API void arrive_slowly(generator_core& core);

WEFT_API bool throw_into(generator_core& core, std::exception_ptr error);
WEFT_API void close_generator(generator_core& core);             // throws what the body throws
WEFT_API void destroy_generator(generator_core& core) noexcept;  // and frees the record

// Throw std::logic_error.
[[noreturn]] WEFT_API void refuse_value();
[[noreturn]] WEFT_API void refuse_send(const char* why);

// -- the hot halves --

// Tells threads apart; cheaper than asking for a loop where there is none.
WEFT_INLINE const void* thread_pointer() noexcept {
#if defined(__x86_64__)
  const void* self;
  asm("movq %%fs:0, %0" : "=r"(self));
  return self;
#elif defined(__aarch64__)
  const void* self;
  asm("mrs %0, tpidr_el0" : "=r"(self));
  return self;
#else
  return __builtin_thread_pointer();
#endif
}

// Float control and errno are shared by both sides, as in any call.
WEFT_INLINE context& hop(context& from, context& to) noexcept {
#if WEFT_INLINE_SWITCH
  return switch_inline(from, to);
#elif defined(__x86_64__)
  return *WEFT_C_NAME(context_hop)(&from, &to);
#else
  WEFT_C_NAME(context_switch)(&from, &to);
  return from;
#endif
}

WEFT_INLINE generator_core& of_outside(context& outside) noexcept {
  return *reinterpret_cast<generator_core*>(reinterpret_cast<char*>(&outside) - sizeof(context));
}

// Runs the body until it yields: true. `core` has all that must be known of the way back.
WEFT_INLINE bool resume(generator_core& core) {
  loop_core* const here = running_loop();
  if (WEFT_UNLIKELY(core.state != generator_state::suspended || core.home != here ||
                    core.eh->any())) {
    return resume_slowly(core);
  }
  if (here == nullptr && WEFT_UNLIKELY(core.thread != thread_pointer())) {
    return resume_slowly(core);
  }
  fiber& self = here != nullptr ? *here->current : *core.plain;
  stack* const below = self.bound;
  self.bound = core.bound;
  if (core.level != self.innermost) core.level = self.innermost;
  core.state = generator_state::running;
  generator_core& back = of_outside(hop(core.outside, core));
  self.bound = below;
  return WEFT_LIKELY(back.state == generator_state::suspended) || end_step(back);
}

// Gives `value` to who called next(), until the next step.
WEFT_INLINE void suspend(generator_core& core, void* value) {
  const bool is_in_loop = core.home != nullptr;
  const fiber& self = is_in_loop ? *core.home->current : *core.plain;
  if (!is_in_loop && WEFT_UNLIKELY(running_loop() != nullptr)) {  // of a run() in the body
    suspend_slowly(core, value);
    return;
  }
  if (WEFT_UNLIKELY(core.state != generator_state::running || self.bound != core.bound ||
                    self.innermost != core.level || core.eh->any())) {
    suspend_slowly(core, value);
    return;
  }
  core.yielded = value;
  core.state = generator_state::suspended;
  generator_core& back = static_cast<generator_core&>(hop(core, core.outside));
  if (WEFT_UNLIKELY(back.state != generator_state::running)) arrive_slowly(back);
}

}  // namespace detail
WEFT_NAMESPACE_END
