// SPDX-License-Identifier: BSL-1.0
// Sleeping, yielding, and questions about the running fiber: see this_fiber.hpp.
#include "weft/this_fiber.hpp"

#include <cerrno>
#include <ctime>
#include <utility>

#include "../base/syscalls.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// The running fiber, or nullptr on a plain thread and in the loop's own context.
fiber* running_fiber(loop_core* here) noexcept {
  if (here == nullptr || here->current == &here->idle) return nullptr;
  return here->current;
}

fiber& require_fiber(const char* call) {
  fiber* const self = running_fiber(running_loop());
  if (self == nullptr) {
    misuse(std::string("this_fiber::") + call +
           "() was called on a plain thread: it tells of the running fiber");
  }
  return *self;
}

void sleep_thread_until(time_point deadline) noexcept {
  const auto since_epoch = deadline.time_since_epoch();
  if (since_epoch <= duration::zero()) return;
  const auto nanoseconds =
      std::chrono::duration_cast<std::chrono::nanoseconds>(since_epoch).count();
  timespec until{};
  until.tv_sec = static_cast<std::time_t>(nanoseconds / 1'000'000'000);
  until.tv_nsec = static_cast<long>(nanoseconds % 1'000'000'000);
  while (raw_syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &until, nullptr) ==
         -EINTR) {
  }
}

constexpr wait_type sleep_wait{"sleep"};

void sleep_fiber_until(loop& here, time_point now, time_point deadline) {
  if (stop_if_cancelled(here)) return;
  const bool has_deadline = deadline != time_point::max();
  // An endless sleep is no deadlock: somebody may cancel it. Under a chooser nobody else is there.
  const bool is_endless = !has_deadline && here.chooses == nullptr;
  if (is_endless) ++here.waits_for(ended_by::world);
  if (has_deadline) arm_own_timer(here, now, deadline);
  const wake_reason reason = park(here, sleep_wait, nullptr, can_cancel_wait(here));
  if (is_endless) --here.waits_for(ended_by::world);
  if (reason == wake_reason::cancelled) stop_cancelled(here);
}

char* frame_of_caller() noexcept { return static_cast<char*>(__builtin_frame_address(0)); }

}  // namespace
}  // namespace detail

time_point now() noexcept {
  detail::loop_core* const here = detail::running_loop();
  return here != nullptr ? detail::whole(*here).time->now() : clock::now();
}

void await_sleep(duration span) {
  if (span <= duration::zero()) {
    yield();
    return;
  }
  await_sleep_until(detail::saturating_add(now(), span));
}

void await_sleep_until(time_point deadline) {
  detail::loop_core* const here = detail::running_loop();
  detail::fiber* const self = detail::running_fiber(here);
  if (self == nullptr) {
    detail::sleep_thread_until(deadline);
    return;
  }
  detail::loop& whole = detail::whole(*here);
  const time_point present = whole.time->now();
  if (deadline <= present) {
    yield();
    return;
  }
  detail::sleep_fiber_until(whole, present, deadline);
}

void maybe_yield() {
  detail::loop_core* const here = detail::running_loop();
  if (detail::running_fiber(here) == nullptr) return;
  // A switch keeps no time: the loop's last look, at most a turn before this step, is all there is.
  constexpr duration slice = std::chrono::milliseconds(1);
  if (detail::whole(*here).time->now() - here->last_look < slice) return;
  here->turn_end = here->ready.taken();  // and so the loop looks now, not after 61 switches
  yield();
}

void checkpoint() {
  detail::loop_core* const here = detail::running_loop();
  if (detail::running_fiber(here) == nullptr) return;
  if (detail::stop_if_cancelled(*here)) return;
  detail::spend_budget(*here);
}

bool in_fiber() noexcept { return detail::running_fiber(detail::running_loop()) != nullptr; }

namespace this_fiber {

fiber_id id() { return fiber_id{detail::require_fiber("id").id}; }

std::string_view name() { return detail::name_of(detail::require_fiber("name")); }

void set_name(std::string name) {
  detail::fiber& self = detail::require_fiber("set_name");
  detail::baggage_of(self).name = std::move(name);
}

bool cancel_requested() {
  return detail::is_cancel_requested(detail::require_fiber("cancel_requested"));
}

std::size_t stack_used() {
  const detail::fiber& self = detail::require_fiber("stack_used");
  const char* const here = detail::frame_of_caller();
  if (self.bound != nullptr) return static_cast<std::size_t>(self.bound->top - here);
  const detail::loop& home = detail::whole(*self.home);
  return static_cast<std::size_t>(static_cast<const char*>(home.root_stack_bottom) +
                                  home.root_stack_bytes - here);
}

std::size_t stack_left() {
  const detail::fiber& self = detail::require_fiber("stack_left");
  const char* const here = detail::frame_of_caller();
  if (self.bound != nullptr) return static_cast<std::size_t>(here - self.bound->limit);
  const detail::loop& home = detail::whole(*self.home);
  return static_cast<std::size_t>(here - static_cast<const char*>(home.root_stack_bottom));
}

}  // namespace this_fiber
WEFT_NAMESPACE_END
