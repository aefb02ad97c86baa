// SPDX-License-Identifier: BSL-1.0
// Making, entering, leaving and closing a loop.
#include "loop.hpp"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "../base/clock.hpp"
#include "../base/copies.hpp"
#include "../base/sanitizers.hpp"
#include "../base/syscalls.hpp"
#include "../context/suspended.hpp"
#include "../stack/alternate_stack.hpp"
#include "../stack/overflow.hpp"
#include "epoll_poller.hpp"
#include "generator_stacks.hpp"
#include "weft/detail/check.hpp"

extern "C" {
// The one thread_local of weft: a pointer, constant-initialised, initial-exec. `used`: link-time
// optimisation does not see that running_loop()'s assembly names it, and would make it local.
__thread weft::detail::loop_core* WEFT_C_NAME(current_loop)
    __attribute__((tls_model("initial-exec"), used)) = nullptr;
}

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type close_wait{"close"};

std::string describe_running() {
  const loop_core* const here = running_loop();
  if (here == nullptr) return "a plain thread";
  if (here->current == &here->idle) return "the loop itself";
  return describe(*here->current);
}

// Window of the stack layer; runs in a signal handler.
bool find_overflow(const void* address, overflow_victim& victim) noexcept {
  const loop_core* const here = running_loop();
  if (here == nullptr || here->current->bound == nullptr) return false;
  const fiber& running = *here->current;
  const char* const at = static_cast<const char*>(address);
  if (at >= running.bound->limit || at < running.bound->limit - running.bound->guard_bytes) {
    return false;
  }
  victim = victim_of_overflow(running);
  return true;
}

}  // namespace

overflow_victim victim_of_overflow(const fiber& running) noexcept {
  overflow_victim victim;
  victim.id = running.id;
  victim.name = name_of(running).data();
  victim.name_bytes = name_of(running).size();
  victim.stack_bytes = running.bound->size_bytes();
  victim.is_borrowed = running.bound->is_borrowed;
  victim.is_generator = running.bound->is_generator;
  return victim;
}

loop_core& require_loop(const char* call) {
  loop_core* const here = running_loop();
  if (here == nullptr) {
    misuse(std::string(call) +
           " needs a running loop, and this thread has none: call it from inside weft::run(), or "
           "hand the work over with loop_ref::post()");
  }
  return *here;
}

loop::loop(const options& given)
    : how(given),
      time(given.time != nullptr ? given.time : &the_machine_clock()),
      counts_ticks(time == &the_machine_clock()),
      stacks(given.stacks, given.stack_bytes, given.cached_stacks, given.stack_linger),
      // Spread small seeds over all bits; xorshift must not start at zero.
      random_state(std::max<std::uint64_t>(given.seed * 0x9e3779b97f4a7c15ULL, 1)),
      select_state(random_state | 0xd1b54a32d192ed03ULL) {
  set_describe_current(&describe_running);
  report_other_copies();
  eh = thread_eh_state();
  error_number = &errno;
  keeps_float_control = how.float_control == float_control::per_fiber;
  is_instrumented = has_address_sanitizer() || has_thread_sanitizer();
  is_observed = how.seed != 0 || !time->is_wall_time();
  if (how.measure_stacks) marks = std::make_unique<stack_marks>();
  watches_stacks = is_instrumented || marks != nullptr;
  watch();
  watched.core = this;
  watched.limit = slow_step_of(how, *time);
  auto side = std::make_unique<shared_side>();
  kernel = std::make_unique<epoll_poller>(side->box.event_fd());
  timers.reserve(16);
  idle.bound = stacks.acquire(0);
  spare = stacks.acquire(0);
  if (idle.bound == nullptr || spare == nullptr) {
    if (idle.bound != nullptr) stacks.release(*idle.bound, 0);
    throw std::bad_alloc();
  }
  idle.home = this;
  idle.attention = attention_loop;
  idle.state = fiber_state::ready;
  idle.has_handle = true;  // a part of the loop: its end frees no record
  learn_frame(idle.bound->top, idle.bound->usable_bytes());
  make_context(idle.ctx, idle.bound->top, idle.bound->usable_bytes(), &idle_main);
  try {
    baggage_of(root).name = how.name;
  } catch (...) {
    stacks.release(*idle.bound, 0);
    stacks.release(*spare, 0);
    throw;
  }
  root.home = this;
  root.id = 1;
  root.state = fiber_state::done;  // until entered
  last_look = time->now();
  shared = side.release();
  shared->owner = this;
  shared->thread = this_thread();
  root.shared = idle.shared = shared;
  link_.of = this;
  note_loop(link_);
}

loop::~loop() {
  WEFT_ASSERT(is_closed_);
  stacks.release(*spare, 0);
}

void loop::watch() noexcept {
  is_watched = is_observed || is_instrumented || sinks != nullptr;
  slice = is_watched ? 1 : 61;
  if (is_watched) turn_end = 0;
}

bool loop::add_sink(event_sink& sink) noexcept {
  for (const event_sink* s = sinks; s != nullptr; s = s->next) {
    if (s->which == sink.which) return false;
  }
  sink.from = this;
  sink.next = sinks;
  sinks = &sink;
  watch();
  return true;
}

void loop::remove_sink(event_sink& sink) noexcept {
  event_sink** link = &sinks;
  while (*link != &sink) link = &(*link)->next;
  *link = sink.next;
  sink.finish(*this);
  sink.from = nullptr;
  watch();
}

void loop::measure_root_stack() noexcept {
  const stack* const generators = plain_generator_stack();
  if (const stack* const there = generators != nullptr ? generators : stack_left_on()) {
    root_stack_bottom = there->limit;
    root_stack_bytes = there->usable_bytes();
    is_root_in_generator_ = true;
    return;
  }
  if (root_stack_bottom != nullptr && !is_root_in_generator_) return;  // asking costs a file's read
  is_root_in_generator_ = false;
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return;
  pthread_attr_getstack(&attributes, &root_stack_bottom, &root_stack_bytes);
  pthread_attr_destroy(&attributes);
}

void loop::require_outside(const char* call) const {
  if (loop_core* const running = running_loop()) {
    misuse(std::string(call) + " was called inside a running loop (in " +
           describe(*running->current) +
           "): spawn() a task there, or run the other loop on a thread of its own");
  }
  if (is_closed_) misuse(std::string(call) + " was called after the runner was closed");
  refuse_in_child(*shared, call);
  if (shared->thread != this_thread()) {
    misuse(std::string(call) +
           " was called on another thread than the one that made the runner: "
           "a loop belongs to one thread; use loop_ref::post() to reach it");
  }
}

bool loop::is_of_main_thread() const noexcept {
  return shared->thread == static_cast<int>(raw_syscall(SYS_getpid));
}

// All but Ctrl-C's.
void loop::install_handlers() {
  if (has_handlers_) return;
  const bool reports_overflow =
      how.overflow == overflow_report::always ||
      (how.overflow == overflow_report::if_default && is_of_main_thread());
  has_alternate_stack_ = reports_overflow || watched.limit != duration::zero();
  if (has_alternate_stack_) give_alternate_stack();
  if (reports_overflow) {
    has_overflow_handler_ =
        install_overflow_handler(&find_overflow, how.overflow == overflow_report::always);
  }
  listen_for_sigquit();
  has_handlers_ = true;
}

void loop::listen_for_sigquit() noexcept {
  if (how.tree_on_sigquit || is_tree_wanted_by_environment()) {
    tree_bell.start(shared->box.event_fd());
  }
}

void loop::remove_handlers() noexcept {
  tree_bell.stop();
  if (has_overflow_handler_) uninstall_overflow_handler();
  if (has_alternate_stack_) take_alternate_stack();
  has_handlers_ = has_overflow_handler_ = has_alternate_stack_ = false;
}

void loop::enter(const char* call) {
  require_outside(call);
  refresh_owned(*this);
  measure_root_stack();
  if (has_thread_sanitizer()) root_tsan_fiber = __tsan_get_current_fiber();
  install_handlers();
  if (how.handle_sigint && !is_guest_ && is_of_main_thread()) {
    has_sigint_handler_ = install_sigint_handler(shared->box.event_fd());
  }
  root.attention = static_cast<std::uint8_t>(born_attention & attention_owned);
  root.is_cancel_called = false;
  if (root.bag) {
    root.bag->cancel_reason.reset();
    root.bag->delivery = delivery_ref();
  }
  inherit_locals_of_thread(root);
  WEFT_ASSERT(root.state == fiber_state::done);
  root.state = fiber_state::ready;
  root.since = last_look = time->now();
  current = &root;
  WEFT_C_NAME(current_loop) = this;
  shared->box.cancel_sleep();  // of a guest
  if (watched.limit != duration::zero() && !is_guest_) start_watching(watched);
}

void loop::leave() noexcept {
  if (watched.limit != duration::zero() && !is_guest_) stop_watching(watched);
  WEFT_ASSERT(current == &root);
  while (sinks != nullptr) remove_sink(*sinks);
  if (held_locks(root) != 0) forget_held_locks(root);
  WEFT_C_NAME(current_loop) = nullptr;
  root.state = fiber_state::done;
  if (has_sigint_handler_) {
    uninstall_sigint_handler();
    if (take_sigint()) has_late_sigint = true;
  }
  has_sigint_handler_ = false;
  if (is_guest_) {
    rest_as_guest();
    // The host does not know what is ready now, nor how long it may wait.
    shared->box.wake_sleeper();
  } else {
    remove_handlers();
  }
}

void loop::cancel_leftovers() noexcept {
  for_each_fiber([](fiber& f) { cancel_fiber(f, {}); });
}

void loop::close() {
  if (is_closed_) return;
  enter("runner::close()");
  is_closing = true;
  born_attention = static_cast<std::uint8_t>(born_attention | attention_cancel);
  // Threads that never stop posting must not keep the loop from ending.
  shared->refuses_work.store(true, std::memory_order_relaxed);
  do {
    look_at_inbox();
    cancel_leftovers();
    while (live != 0) park(*this, close_wait, this, false);
  } while (!shared->box.close_if_empty());
  end_idle();
  if (is_guest_) end_as_guest();
  leave();
  is_closed_ = true;
  drop_locals(root);
  end_owned(*this);
  forget_loop(link_);
  release_shared_side();
  if (has_late_sigint) die_of_sigint();
}

// Every fiber has ended. What is not blank now belongs to a handle, which keeps the shared side.
void loop::release_shared_side() noexcept {
  shared_side& side = *shared;
  for_each_fiber([&side](fiber&) { side.add_ref(); });
  for_each_fiber([](fiber& f) {
    if (!f.is_pooled) f.message.unlink();
  });
  side.owner = nullptr;
  // release; pairs with has_ended() of handles on other threads
  side.ended.store(true, std::memory_order_release);
  side.drop_ref();
}

void loop::look_at_inbox() noexcept {
  shared->box.drain(*this);
  admit_arrivals();
}

// The idle context returns for good, so that a sanitizer sees its stack end.
void loop::end_idle() noexcept {
  is_idle_over = true;
  switch_to(*this, root, idle);
}

}  // namespace detail
WEFT_NAMESPACE_END
