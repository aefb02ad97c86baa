// SPDX-License-Identifier: BSL-1.0
// What of a generator is rare: its first and last step, a step with exceptions in flight or a
// sanitizer watching, a throw into the body, its early end, and misuse. The rest is inline in
// weft/detail/generator_core.hpp.
#include "weft/generator.hpp"

#include <cxxabi.h>

#include <exception>
#include <new>
#include <string>
#include <utility>

#include "../base/describe_exception.hpp"
#include "../base/sanitizers.hpp"
#include "../loop/generator_stacks.hpp"
#include "../loop/loop.hpp"
#include "../stack/guard.hpp"
#include "../stack/overflow.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/scope.hpp"
#include "weft/errors.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Thrown at the yield of a body that is to end. No std::exception, so no handler for those eats it.
struct generator_closed {};

bool is_running(const generator_core& core) noexcept {
  return core.state == generator_state::running || core.state == generator_state::running_slowly;
}

bool is_suspended(const generator_core& core) noexcept {
  return core.state == generator_state::suspended ||
         core.state == generator_state::suspended_slowly;
}

fiber& fiber_of(const generator_core& core) noexcept {
  return core.home != nullptr ? *core.home->current : *core.plain;
}

// ---- on the body's stack

WEFT_NO_SANITIZE_NULL void run_body(generator_core& core) noexcept {
  try {
    core.ops->run(core);
  } catch (const generator_closed&) {
    // as it was asked to
  } catch (const abi::__forced_unwind&) {
    fatal(
        "pthread_exit() or pthread_cancel() ended the thread inside the body of a generator. "
        "Return "
        "from the function instead.");
  } catch (...) {
    core.error = std::current_exception();
  }
  core.ops->drop_body(core);  // may wait
}

void check_canary(generator_core& core) noexcept {
  if (core.bound->guard != guard_kind::none || is_canary_intact(*core.bound)) return;
  die_of_overflow(victim_of_overflow(fiber_of(core)));
}

WEFT_NO_SANITIZE void announce_way_out(generator_core& core, void** keep) noexcept {
  if (has_address_sanitizer()) {
    __sanitizer_start_switch_fiber(keep, core.outer_bottom, core.outer_bytes);
  }
}

// The first frame of the body's stack.
WEFT_NO_SANITIZE context* generator_main(context* self) noexcept {
  generator_core& core = *static_cast<generator_core*>(self);
  if (has_address_sanitizer()) {
    __sanitizer_finish_switch_fiber(nullptr, &core.outer_bottom, &core.outer_bytes);
  }
  run_body(core);
  check_canary(core);
  core.state = generator_state::done;
  announce_way_out(core, nullptr);
  // In the frame of the jump: see switch_to().
  if (has_thread_sanitizer()) __tsan_switch_to_fiber(core.outer_tsan_fiber, 0);
  hop(core, core.outside);  // for good; the way by context_entry would not tell that side who it is
  __builtin_unreachable();
}

WEFT_NOINLINE WEFT_NO_SANITIZE void leave_body(generator_core& core) noexcept {
  core.saved_eh = *core.eh;
  *core.eh = eh_state{};
  core.state = core.is_always_slow || core.saved_eh.any() ? generator_state::suspended_slowly
                                                          : generator_state::suspended;
  announce_way_out(core, &core.fake_stack);
  if (has_thread_sanitizer()) __tsan_switch_to_fiber(core.outer_tsan_fiber, 0);
  hop(core, core.outside);
  if (has_address_sanitizer()) {
    __sanitizer_finish_switch_fiber(core.fake_stack, &core.outer_bottom, &core.outer_bytes);
  }
}

// Out of a destructor that runs because of an exception it would end the process (HAZARD H6): there
// the yield returns, and the body ends by what is under way.
void throw_closed(const generator_core& core) {
  if (core.eh->uncaught == 0) throw generator_closed();
}

void check_yielder(const generator_core& core) {
  if (!is_running(core)) {
    misuse(
        "a yielder was called while its generator's body did not run: only the body, and what it "
        "calls, may call it");
  }
  if (running_loop() != core.home) {
    misuse("a yielder was called inside a run() in its generator's body: return from run() first");
  }
  if (fiber_of(core).bound != core.bound) {
    misuse(
        "a yielder was called from another stack than its generator's: from a task, another "
        "generator, or with_stack(). Give the generator a larger stack: generator(bytes, body)");
  }
}

// ---- on the stack of who calls next()

void bind_stack(fiber& self, stack* s) noexcept {
  self.bound = s;
  const bool needs_canary = s != nullptr && s->guard == guard_kind::none;
  self.attention = static_cast<std::uint8_t>((self.attention & ~attention_canary) |
                                             (needs_canary ? attention_canary : 0));
}

void begin(generator_core& core) {
  generator_stacks& own = stacks_of_thread();
  std::size_t bytes = core.stack_bytes;
  if (bytes == 0 && core.home != nullptr) bytes = whole(*core.home).how.stack_bytes;
  core.stack_class = own.pool.class_for(bytes);
  stack* const s = own.pool.acquire(core.stack_class);
  if (s == nullptr) throw std::bad_alloc();
  ++own.users;
  s->is_generator = true;
  core.stacks = &own;
  core.bound = s;
  core.plain = &own.plain;
  core.thread = thread_pointer();
  core.eh = thread_eh_state();
  core.is_always_slow =
      has_address_sanitizer() || has_thread_sanitizer() || s->guard == guard_kind::none;
  make_context(core, s->top, s->usable_bytes(), &generator_main);
}

void return_stack(generator_core& core) noexcept {
  if (core.home != nullptr) {
    if (stack_marks* const marks = whole(*core.home).marks.get())
      marks->note(core.site, *core.bound);
  }
  core.bound->is_generator = false;
  core.stacks->pool.release(*core.bound, core.stack_class);
  drop_user(*core.stacks);
  core.bound = nullptr;
}

// The switch with all that belongs to it.
WEFT_NOINLINE WEFT_NO_SANITIZE void enter_body(generator_core& core) noexcept {
  fiber& self = fiber_of(core);
  stack* const below = self.bound;
  const eh_state ours = *core.eh;
  void* fake_stack = nullptr;
  *core.eh = core.saved_eh;
  core.saved_eh = eh_state{};
  core.level = self.innermost;
  core.state = generator_state::running_slowly;
  bind_stack(self, core.bound);
  if (has_address_sanitizer()) {
    __sanitizer_start_switch_fiber(&fake_stack, core.bound->limit, core.bound->usable_bytes());
  }
  if (has_thread_sanitizer()) {
    core.outer_tsan_fiber = __tsan_get_current_fiber();
    __tsan_switch_to_fiber(core.bound->tsan_fiber, 0);
  }
  hop(core.outside, core);
  if (has_address_sanitizer()) __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
  bind_stack(self, below);
  *core.eh = ours;
}

// A step that is taken while an exception is in flight must not throw `cancelled` out of next().
void take_step(generator_core& core) noexcept {
  if (core.home == nullptr || core.eh->uncaught == 0) {
    enter_body(core);
    return;
  }
  scope shield;
  shield.is_shield = true;
  enter_scope(*core.home, shield);
  enter_body(core);
  leave_scope(*core.home, shield);
}

void check_step(generator_core& core, const char* call) {
  if (is_running(core)) {
    misuse(std::string(call) +
           " of a generator was called while its body runs: from inside the body, or by another "
           "task while the body waits");
  }
  if (is_suspended(core) && core.thread != thread_pointer()) {
    misuse(std::string(call) +
           " of a generator was called on another thread than the one on which its body began: a "
           "started stack never changes its thread");
  }
  core.home = running_loop();
}

void close_started(generator_core& core) {
  core.is_closing = true;
  take_step(core);
  end_step(core);
}

}  // namespace

bool resume_slowly(generator_core& core) {
  if (core.state == generator_state::done) return false;
  check_step(core, "next()");
  if (core.state == generator_state::fresh) begin(core);
  take_step(core);
  return end_step(core);
}

bool end_step(generator_core& core) {
  if (core.state != generator_state::done) return true;
  core.yielded = nullptr;
  return_stack(core);
  if (core.error != nullptr) std::rethrow_exception(std::exchange(core.error, nullptr));
  return false;
}

void suspend_slowly(generator_core& core, void* value) {
  check_yielder(core);
  if (core.is_closing) {
    throw_closed(core);
    return;
  }
  if (fiber_of(core).innermost != core.level) {
    misuse(
        "a generator yielded inside with_timeout(), with_scope(), shielded() or with_task_group() "
        "of its body: whoever calls next() would be inside, too. Leave the region first, or put it "
        "around next()");
  }
  check_canary(core);
  core.yielded = value;
  leave_body(core);
  arrive_slowly(core);
}

void arrive_slowly(generator_core& core) {
  if (core.injected != nullptr) std::rethrow_exception(std::exchange(core.injected, nullptr));
  if (core.is_closing) throw_closed(core);
}

bool throw_into(generator_core& core, std::exception_ptr error) {
  if (error == nullptr) misuse("throw_in(nullptr): give it an exception");
  if (core.state != generator_state::done) check_step(core, "throw_in()");
  if (!is_suspended(core)) {
    if (core.state == generator_state::fresh) close_generator(core);
    std::rethrow_exception(std::move(error));
  }
  if (core.saved_eh.uncaught != 0) {
    misuse("throw_in(): the body has yielded in a destructor, while an exception is in flight");
  }
  core.injected = std::move(error);
  core.sent = nullptr;
  take_step(core);
  return end_step(core);
}

void close_generator(generator_core& core) {
  if (core.state == generator_state::done) return;
  check_step(core, "close()");
  if (core.state == generator_state::fresh) {
    core.state = generator_state::done;
    core.ops->drop_body(core);
    return;
  }
  close_started(core);
}

void destroy_generator(generator_core& core) noexcept {
  if (is_running(core)) {
    fatal(
        "a generator was destroyed while its body runs: from inside the body, or by another task "
        "while the body waits.");
  }
  if (is_suspended(core) && core.thread != thread_pointer()) {
    fatal(
        "a generator was destroyed on another thread than the one on which its body began, before "
        "it ended: its destructors can only run there.");
  }
  try {
    close_generator(core);
  } catch (const cancelled&) {
    if (core.home != nullptr) mark_arrived(*core.home->current);  // the next wait throws it again
  } catch (...) {
    send_report("weft: a generator (made at " + describe(core.site) +
                ") was destroyed before its end, and its body ended with " +
                describe_exception(std::current_exception()) + ". Call close() to get the error.");
  }
  core.ops->free(core);
}

void refuse_value() {
  misuse("value() of a generator without one: call it after a next() that returned true");
}

void refuse_send(const char* why) { misuse(why); }

}  // namespace detail
WEFT_NAMESPACE_END
