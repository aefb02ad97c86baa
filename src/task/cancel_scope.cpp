// SPDX-License-Identifier: BSL-1.0
// A scope's handle: cancelled from its own loop at once, from elsewhere by message.
//
// Another thread may find the scope just being entered or left. It first counts itself in
// `under_way_`, sets `is_called_` and then reads `home_`; the loop writes `home_` and then reads
// the other two. All four are sequentially consistent, so at least one side sees the other
// (Dekker).
#include "weft/cancel_scope.hpp"

#include <algorithm>
#include <string>

#include "../base/syscalls.hpp"
#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/group_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

static std::string describe(duration span) {
  const auto count = span.count();
  struct unit {
    long long ticks;
    const char* name;
  };
  constexpr unit units[] = {{1'000'000'000, " s"}, {1'000'000, " ms"}, {1'000, " us"}};
  for (const unit& u : units) {
    if (count >= u.ticks && count % u.ticks == 0) return std::to_string(count / u.ticks) + u.name;
  }
  return std::to_string(count) + " ns";
}

void throw_timeout(duration span) {
  throw timeout_error("weft: time was up after " + describe(span));
}

}  // namespace detail

struct cancel_scope::remote_cancel : detail::inbox_node {
  cancel_scope* scope = nullptr;
  std::shared_ptr<const std::string> reason;

  static void deliver(detail::inbox_node& message, detail::loop_core&) noexcept {
    const std::unique_ptr<remote_cancel> owned(&static_cast<remote_cancel&>(message));
    cancel_scope& to = *owned->scope;
    detail::cancel_scope_now(to.scope_, std::move(owned->reason));
    to.under_way_.fetch_sub(1, std::memory_order_release);  // the scope may be gone now
  }
};

cancel_scope::~cancel_scope() {
  if (scope_.is_entered) {
    detail::fatal("a cancel_scope was destroyed inside its own with_scope(): it must outlive it.");
  }
}

void cancel_scope::cancel(std::string_view reason) {
  auto text = reason.empty() ? nullptr : std::make_shared<const std::string>(reason);
  detail::loop_core* const here = detail::running_loop();
  if (here != nullptr && home_.load(std::memory_order_relaxed) == here->shared) {
    is_called_.store(true, std::memory_order_release);
    detail::cancel_scope_now(scope_, std::move(text));
    return;
  }
  auto message = std::make_unique<remote_cancel>();
  message->run = &remote_cancel::deliver;
  message->scope = this;
  message->reason = text;
  std::shared_ptr<const std::string> none;
  if (text != nullptr && !is_called_.load(std::memory_order_acquire)) {
    std::atomic_compare_exchange_strong(&early_reason_, &none, text);
  }
  under_way_.fetch_add(1, std::memory_order_seq_cst);
  is_called_.store(true, std::memory_order_seq_cst);
  detail::shared_side* const home = home_.load(std::memory_order_seq_cst);
  if (home != nullptr && home->box.push(*message)) {
    message.release();
  } else {
    under_way_.fetch_sub(1, std::memory_order_release);
  }
}

void cancel_scope::set_deadline(time_point deadline) {
  if (scope_.is_entered) {
    detail::loop_core& here = detail::require_loop("cancel_scope::set_deadline()");
    if (scope_.owner->home != &here) {
      detail::misuse("cancel_scope::set_deadline() was called in another loop than the region's");
    }
    if (detail::is_cancelled(scope_)) return;
    if (scope_.is_armed()) detail::disarm_scope(here, scope_);
    detail::arm_scope(here, scope_, deadline);
  }
  deadline_ = deadline;
}

void cancel_scope::enter() {
  detail::loop_core& here = detail::loop_or_throw("with_scope()");
  if (has_been_used_) {
    detail::misuse(
        "a cancel_scope was given to with_scope() a second time: make one for each call");
  }
  detail::note_access(&scope_, detail::access::reads);
  detail::arm_scope(here, scope_, deadline_);
  has_been_used_ = true;
  home_.store(here.shared, std::memory_order_seq_cst);
  if (is_called_.load(std::memory_order_seq_cst)) {
    detail::cancel_scope_now(scope_, std::atomic_load(&early_reason_));
  }
  detail::enter_scope(here, scope_);
}

void cancel_scope::leave() noexcept {
  detail::loop& here = detail::whole(*detail::running_loop());
  home_.store(nullptr, std::memory_order_seq_cst);
  detail::leave_scope(here, scope_);
  // acquire: what a message did to the scope is over
  while (under_way_.load(std::memory_order_acquire) != 0) {
    here.shared->box.drain(here);
    if (under_way_.load(std::memory_order_acquire) != 0) detail::raw_syscall(SYS_sched_yield);
  }
}

bool cancel_scope::takes() noexcept {
  return detail::takes_cancelled(*detail::running_loop(), scope_);
}

time_point effective_deadline() noexcept {
  const detail::loop_core* const here = detail::running_loop();
  if (here == nullptr || here->current == &here->idle) return time_point::max();
  time_point earliest = time_point::max();
  const detail::fiber* f = here->current;
  const detail::scope* s = f->innermost;
  for (;;) {
    for (; s != nullptr; s = s->outer) {
      if (detail::is_cancelled(*s)) return time_point::min();
      if (s->is_armed()) earliest = std::min(earliest, s->deadline);
      if (s->is_shield) return earliest;
    }
    if (f->on_cancel != on_cancel::never && detail::is_task_cancelled(*f)) {
      return time_point::min();
    }
    if (f->family == nullptr || !f->family->is_group) return earliest;
    // A child's regions end in those around its group.
    const auto& group = static_cast<const detail::group_core&>(*f->family);
    s = &group.around;
    f = group.owner;
  }
}

WEFT_NAMESPACE_END
