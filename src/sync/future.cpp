// SPDX-License-Identifier: BSL-1.0
// The shared state of promise and future: see future_state.hpp.
#include <future>
#include <system_error>
#include <utility>

#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/chooser.hpp"
#include "weft/detail/future_state.hpp"
#include "weft/detail/waker.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type future_wait{"future", ended_by::threads};

}  // namespace

future_state::~future_state() { note_access(this, access::ends); }

void future_state::drop_ref() noexcept {
  // acq_rel: the last end destroys what the other wrote
  if (references_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

bool future_state::claim() noexcept {
  note_access(this, access::writes);
  const std::lock_guard<std::mutex> hold(lock_);
  if (progress_ != progress::empty) return false;
  progress_ = progress::setting;
  return true;
}

void future_state::abandon_claim() noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  progress_ = progress::empty;
}

void future_state::publish(progress outcome, std::exception_ptr error) noexcept {
  note_access(this, access::writes);
  waker* waiting = nullptr;
  {
    const std::lock_guard<std::mutex> hold(lock_);
    error_ = std::move(error);
    progress_ = outcome;
    waiting = std::exchange(waiting_, nullptr);  // from here on it must wait for our signal
  }
  if (waiting != nullptr) waiting->signal();
}

bool future_state::is_ready() const noexcept {
  note_access(this, access::reads);
  const std::lock_guard<std::mutex> hold(lock_);
  return progress_ == progress::value || progress_ == progress::error;
}

bool future_state::wait_until(time_point deadline) {
  note_access(this, access::writes);
  waker here;
  {
    const std::lock_guard<std::mutex> hold(lock_);
    if (progress_ == progress::value || progress_ == progress::error) return true;
    if (waiting_ != nullptr) {
      misuse(
          "a second fiber or thread waits on the same future: a future has one consumer; give "
          "each its own promise");
    }
    waiting_ = &here;
  }
  loop_core* const loop_here = here.is_for_fiber() ? running_loop() : nullptr;
  const bool is_cancellable = loop_here != nullptr && is_cancel_deliverable(*loop_here);
  wake_reason reason = wake_reason::cancelled;
  const bool is_cancelled_already = is_cancellable && is_cancel_due(*loop_here);
  if (!is_cancelled_already) reason = here.wait_until(deadline, is_cancellable, future_wait);
  if (reason == wake_reason::completed) return true;
  bool is_withdrawn = false;
  {
    const std::lock_guard<std::mutex> hold(lock_);
    is_withdrawn = waiting_ == &here;
    if (is_withdrawn) waiting_ = nullptr;
  }
  if (!is_withdrawn) {  // the value came first, and its signal is under way
    here.wait(future_wait);
    return true;
  }
  if (reason == wake_reason::timed_out) return false;
  throw_cancelled(*loop_here);
}

void future_state::rethrow_error() {
  // Ready, so nobody else touches it. Moved out: a thread that held on to it longer than the
  // receiver would count it down in libstdc++, where ThreadSanitizer cannot see the order.
  if (progress_ == progress::error) std::rethrow_exception(std::exchange(error_, nullptr));
}

void throw_future_error(int code) { throw std::future_error(static_cast<std::future_errc>(code)); }

}  // namespace detail
WEFT_NAMESPACE_END
