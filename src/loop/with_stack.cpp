// SPDX-License-Identifier: BSL-1.0
// The way to a larger stack and back: see with_stack.hpp. The fiber stays the one that runs, only
// what its stack is changes: whoever asks (overflow report, stack_left(), sanitizers) asks `bound`.
#include <cxxabi.h>

#include <exception>
#include <new>
#include <utility>

#include "../base/sanitizers.hpp"
#include "../stack/guard.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/with_stack.hpp"

#if defined(__x86_64__) || defined(__aarch64__)
// asm/call_on_stack_*.S
extern "C" void WEFT_C_NAME(call_on_stack)(void* argument, void (*call)(void*), void* top);
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// One call under way. Lies on the caller's stack.
struct crossing {
  loop& here;
  fiber& self;
  stack& there;
  stack* const below;  // nullptr: the thread's own
  void* const below_tsan_fiber;
  void* const own_tsan_fiber;
  void (*const call)(void*);
  void* const argument;
  std::exception_ptr error;
};

void bind(fiber& self, stack* s) noexcept {
  self.bound = s;
  const bool needs_canary = s != nullptr && s->guard == guard_kind::none;
  self.attention = static_cast<std::uint8_t>((self.attention & ~attention_canary) |
                                             (needs_canary ? attention_canary : 0));
}

void enter(crossing& way) noexcept {
  way.there.is_borrowed = true;
  way.there.next = way.below;
  // To ThreadSanitizer this is an ordinary call: a switch back to this fiber must find the shadow
  // call stack on which the caller stands.
  way.there.tsan_fiber = way.below_tsan_fiber;
  bind(way.self, &way.there);
}

void leave(crossing& way, std::uint32_t index, const spawn_site& site) noexcept {
  way.there.is_borrowed = false;
  way.there.tsan_fiber = way.own_tsan_fiber;
  bind(way.self, way.below);
  if (WEFT_UNLIKELY(way.here.marks != nullptr)) way.here.marks->note(site, way.there);
  way.here.stacks.release(way.there, index);
  way.here.feed_starved(index);
}

// Nothing may be thrown through the change of stacks: AddressSanitizer would not be told of it.
WEFT_NO_SANITIZE_NULL void run_call(crossing& way) noexcept {
  try {
    way.call(way.argument);
  } catch (const abi::__forced_unwind&) {
    fatal("pthread_exit() or pthread_cancel() ended the thread inside " + describe(way.self) +
          ", in a call of with_stack(). A thread's end would leave the other fibers of its loop "
          "hanging: return from the function instead, or cancel the task.");
  } catch (...) {
    way.error = std::current_exception();
  }
  if (way.there.guard == guard_kind::none && !is_canary_intact(way.there)) {
    die_of_overflow(victim_of_overflow(way.self));
  }
}

// The first frame on the larger stack. Not instrumented: AddressSanitizer's fake stack, on which an
// instrumented frame might lie, is gone with the announcement of the way back.
WEFT_NO_SANITIZE void arrive_there(void* argument) {
  crossing& way = *static_cast<crossing*>(argument);
  greet_sanitizer(way.here);
  run_call(way);
  if (!has_address_sanitizer()) return;
  if (way.below != nullptr) {
    __sanitizer_start_switch_fiber(nullptr, way.below->limit, way.below->usable_bytes());
  } else {
    __sanitizer_start_switch_fiber(nullptr, way.here.root_stack_bottom, way.here.root_stack_bytes);
  }
}

WEFT_NOINLINE WEFT_NO_SANITIZE void cross(crossing& way) {
  void* fake_stack = nullptr;
  if (has_address_sanitizer()) {
    __sanitizer_start_switch_fiber(&fake_stack, way.there.limit, way.there.usable_bytes());
  }
#if defined(__x86_64__) || defined(__aarch64__)
  WEFT_C_NAME(call_on_stack)(&way, &arrive_there, way.there.top);
#endif
  if (has_address_sanitizer()) __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
}

void check_use(std::size_t bytes) {
#if !defined(__x86_64__) && !defined(__aarch64__)
  misuse(
      "with_stack() is there on x86-64 and AArch64 only: run the call in a task of its own, with "
      "spawn_options::stack_bytes");
#endif
  if (bytes == 0) misuse("with_stack(0, ...): give a size in bytes, e.g. 1024 * 1024");
}

}  // namespace

void call_with_stack(std::size_t bytes, const spawn_site& site, void (*call)(void*),
                     void* argument) {
  loop& here = whole(require_loop("with_stack()"));
  check_use(bytes);
  fiber& self = *here.current;
  const std::uint32_t index = here.stacks.class_for(bytes);
  stack* const there = here.stacks.acquire(index);
  if (there == nullptr) throw std::bad_alloc();
  stack* const below = self.bound;
  crossing way{here,
               self,
               *there,
               below,
               below != nullptr ? below->tsan_fiber : here.root_tsan_fiber,
               there->tsan_fiber,
               call,
               argument,
               nullptr};
  enter(way);
  cross(way);
  leave(way, index, site);
  if (way.error != nullptr) std::rethrow_exception(std::move(way.error));
}

}  // namespace detail
WEFT_NAMESPACE_END
