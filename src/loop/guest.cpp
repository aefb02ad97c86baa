// SPDX-License-Identifier: BSL-1.0
// A loop inside a foreign one: the host calls step(), and the loop is idle on the host's stack.
//
// Between two steps the loop has announced that it sleeps (inbox.hpp), so whoever sends something
// writes the eventfd, which makes the poller's descriptor readable: the host is to watch that. What
// the host itself makes ready between steps (start(), a handle's cancel()) rings the same way. The
// loop is `&idle` then, as if it slept in the kernel, which is what the watchdog takes it for.
#include <algorithm>
#include <utility>

#include "../base/sanitizers.hpp"
#include "loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// How long a step goes on, as maybe_yield(): the host has other work. An observed loop counts its
// turns instead, of one switch each, so that the order of events is the program's alone.
constexpr duration longest_step = std::chrono::milliseconds(1);
constexpr std::uint64_t observed_turns = 61;

thread_local loop* first_guest = nullptr;

// The loop's own stack, with what it left there, is put aside for run() and close().
class idle_on_host {
 public:
  explicit idle_on_host(fiber& idle) noexcept : idle_(idle), own_(idle.ctx), stack_(idle.bound) {
    idle.bound = nullptr;  // the thread's, which the root has too
  }
  ~idle_on_host() {
    idle_.ctx = own_;
    idle_.bound = stack_;
  }
  idle_on_host(const idle_on_host&) = delete;
  idle_on_host& operator=(const idle_on_host&) = delete;

 private:
  fiber& idle_;
  const context own_;
  stack* const stack_;
};

}  // namespace

void loop::become_guest(const char* call) {
  require_outside(call);
  if (is_guest_) return;
  install_handlers();
  baggage_of(root).name = "host";
  is_guest_ = true;
  next_guest = std::exchange(first_guest, this);
  rest_as_guest();
  if (watched.limit != duration::zero()) start_watching(watched);
}

void loop::end_as_guest() noexcept {
  loop** link = &first_guest;
  while (*link != this) link = &(*link)->next_guest;
  *link = next_guest;
  is_guest_ = false;
}

loop* guests_of_thread() noexcept { return first_guest; }

void loop::rest_as_guest() noexcept {
  current = &idle;
  turn_end = ready.taken();  // whoever runs next looks first: the last look may have found nothing
  WEFT_C_NAME(current_loop) = nullptr;
  shared->box.announce_sleep();
}

duration loop::step(duration longest) {
  require_outside("runner::step()");
  if (!is_guest_) {
    misuse("runner::step() was called before runner::start(): there is nothing to run");
  }
  refresh_owned(*this);
  measure_root_stack();
  if (has_thread_sanitizer()) root_tsan_fiber = __tsan_get_current_fiber();
  WEFT_C_NAME(current_loop) = this;
  shared->box.cancel_sleep();
  wake_watchdog();
  const std::uint64_t last_turn = turns + observed_turns;
  bool is_cut_off = false;
  {
    const idle_on_host idle_here(idle);
    bool has_any = turn_as_guest(longest);
    const time_point end = clock::now() + longest_step;
    while (has_any && !is_cut_off) {
      fiber& next = take_after_look(*this);
      if (&next != &idle) switch_to(*this, idle, next);
      is_cut_off = is_observed ? turns >= last_turn : clock::now() >= end;
      if (!is_cut_off) has_any = turn_as_guest(duration::zero());
    }
  }
  rest_as_guest();
  // After the announcement: what came before it has rung nobody.
  if (is_cut_off || shared->box.has_mail()) return duration::zero();
  const duration until_timer = longest_sleep();
  return time->is_wall_time() ? std::min(until_timer, stacks.untidy_in(time->now())) : until_timer;
}

}  // namespace detail
WEFT_NAMESPACE_END
