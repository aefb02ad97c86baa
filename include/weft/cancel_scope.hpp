// SPDX-License-Identifier: BSL-1.0
// Regions that can be cancelled, bounded in time, or shielded. Layer: task. The one header for
// timeouts: with_timeout (an error when time is up), move_on_after (no error), with_scope
// (cancelled by whoever has the scope), shielded (cancels from outside wait).
//
// A cancelled region's waits throw `cancelled`, again and again, until the region is left: a wait
// inside `catch (const weft::cancelled&)` throws as well. Clean up inside shielded(), and wrap in
// it a destructor's wait that must also work on an ordinary way out. A wait that had completed when
// the cancel came keeps its result; the next one throws. Waits made while an exception unwinds the
// stack, and waits that are noexcept, complete.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/scope.hpp"
#include "weft/errors.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// The scope of one call, on its stack: entered, and left on every way out.
class scope_frame {
 public:
  explicit scope_frame(const char* call) : here_(loop_or_throw(call)) {}
  ~scope_frame() {
    if (scope_.is_entered) leave_scope(here_, scope_);
  }
  scope_frame(const scope_frame&) = delete;
  scope_frame& operator=(const scope_frame&) = delete;

  void enter_shield() {
    scope_.is_shield = true;
    enter_scope(here_, scope_);
  }

  // In a handler: true if this frame's scope is what the `cancelled` was thrown to.
  bool takes() noexcept { return takes_cancelled(here_, scope_); }

  // The same for a shield, whose own end may meet a cancel further out.
  bool takes_unshielded() noexcept {
    scope_.is_shield = false;
    return takes();
  }

  // From now on; where nothing is left, the first wait throws.
  void enter_for(duration span, bool is_shield = false) {
    arm_scope_for(here_, scope_, span);
    scope_.is_shield = is_shield;
    enter_scope(here_, scope_);
  }

 private:
  loop_core& here_;
  scope scope_;
};

[[noreturn]] WEFT_API void throw_timeout(duration span);
[[noreturn]] WEFT_API void misuse_of_scope(const char* what);

template <class F>
using scope_result = std::invoke_result_t<F>;

// What a region returns that may be left without a result: bool for void, else an optional.
template <class T>
using maybe = std::conditional_t<
    std::is_void_v<T>, bool,
    std::optional<std::conditional_t<std::is_reference_v<T>,
                                     std::reference_wrapper<std::remove_reference_t<T>>, T>>>;

// `region` has been entered; its takes() tells whose the `cancelled` is.
template <class T, class Region, class F>
maybe<T> run_or_leave(Region& region, F&& f) {
  try {
    if constexpr (std::is_void_v<T>) {
      std::forward<F>(f)();
      return true;
    } else if constexpr (std::is_reference_v<T>) {
      return std::ref(std::forward<F>(f)());
    } else {
      return std::forward<F>(f)();
    }
  } catch (const cancelled&) {
    if (!region.takes()) throw;
  }
  return maybe<T>();
}

}  // namespace detail

// A region's handle: who has it may cancel what runs inside with_scope(), or move its deadline.
// Used once.  Lifetime: must outlive the with_scope() call, and every call on it from elsewhere.
class WEFT_API cancel_scope {
 public:
  cancel_scope() noexcept = default;
  explicit cancel_scope(time_point deadline) noexcept : deadline_(deadline) {}
  ~cancel_scope();
  cancel_scope(const cancel_scope&) = delete;
  cancel_scope& operator=(const cancel_scope&) = delete;

  // Makes every wait inside throw `cancelled`: the present one, or, before the region has begun,
  // the first. Called from inside, it takes effect at the next wait. The first reason is kept.
  // Parks: never.  Calls from: any thread.  Throws: std::bad_alloc.
  void cancel(std::string_view reason = {});

  // Moves the deadline; time_point::max() takes it away. One that has passed cancels. A scope that
  // is cancelled stays so.
  // Parks: never.  Calls from: a fiber of the loop that is to run or runs the region.
  // Throws: std::bad_alloc.
  void set_deadline(time_point deadline);

  // The deadline as it was set last.  Calls from: as set_deadline().
  time_point deadline() const noexcept { return deadline_; }

  // True once the scope is cancelled, by cancel() or its deadline.
  // Calls from: any thread; what another thread asked for may take a turn of the loop to be seen.
  bool cancel_called() const noexcept {
    return is_called_.load(std::memory_order_acquire) || detail::is_cancelled(scope_);
  }

  // True if the deadline passed while the region ran, before anyone called cancel().
  // Calls from: as set_deadline().
  bool expired() const noexcept { return scope_.has_expired; }

  // Internal: what with_scope() does around its body.
  void enter();
  void leave() noexcept;
  bool takes() noexcept;

 private:
  struct remote_cancel;
  detail::scope scope_;
  time_point deadline_ = time_point::max();
  std::shared_ptr<const std::string> early_reason_;  // cancelled before it was entered
  bool has_been_used_ = false;
  std::atomic<bool> is_called_{false};
  std::atomic<detail::shared_side*> home_{nullptr};  // while entered
  std::atomic<unsigned> under_way_{0};               // messages of other threads
};

// Runs f() inside the scope. True, or f's result, if f ran to its end; false, or an empty optional,
// if the scope was cancelled and f left by `cancelled`. Any other exception passes; so does a
// `cancelled` that is meant for a region further out.
// Parks: may (in f).  Calls from: fiber.
// Throws: what f throws; std::logic_error if the scope was used before, or outside a loop;
// std::bad_alloc.
template <class F>
auto with_scope(cancel_scope& scope, F&& f) -> detail::maybe<detail::scope_result<F>> {
  struct frame {
    cancel_scope& scope;
    explicit frame(cancel_scope& s) : scope(s) { scope.enter(); }
    ~frame() { scope.leave(); }
  } inside(scope);
  return detail::run_or_leave<detail::scope_result<F>>(scope, std::forward<F>(f));
}

// Runs f() and returns its result; if it takes longer than `span`, its waits throw `cancelled`, and
// with_timeout(), once f is left, throws timeout_error. A body that ends in time, or without a
// wait, keeps its result; one that leaves with another exception keeps that. A span of zero or less
// makes the first wait throw.
// Parks: may (in f).  Calls from: fiber.
// Throws: timeout_error; what f throws; cancelled, if a region further out was cancelled, too;
// std::logic_error outside a loop; std::bad_alloc.
template <class F>
auto with_timeout(duration span, F&& f) -> detail::scope_result<F> {
  detail::scope_frame frame("with_timeout()");
  frame.enter_for(span);
  try {
    return std::forward<F>(f)();
  } catch (const cancelled&) {
    if (!frame.takes()) throw;
  }
  detail::throw_timeout(span);
}
template <class Rep, class Period, class F>
auto with_timeout(std::chrono::duration<Rep, Period> span, F&& f) -> detail::scope_result<F> {
  return with_timeout(detail::saturate(span), std::forward<F>(f));
}

// The same without an error: true, or f's result, if f ran to its end; false, or an empty optional,
// if time was up first.
// Parks: may (in f).  Calls from: fiber.
// Throws: what f throws; cancelled, if a region further out was cancelled; std::logic_error outside
// a loop; std::bad_alloc.
template <class F>
auto move_on_after(duration span, F&& f) -> detail::maybe<detail::scope_result<F>> {
  detail::scope_frame frame("move_on_after()");
  frame.enter_for(span);
  return detail::run_or_leave<detail::scope_result<F>>(frame, std::forward<F>(f));
}
template <class Rep, class Period, class F>
auto move_on_after(std::chrono::duration<Rep, Period> span, F&& f)
    -> detail::maybe<detail::scope_result<F>> {
  return move_on_after(detail::saturate(span), std::forward<F>(f));
}

// Runs f() while cancels from outside wait: they take effect at the first wait after it. For
// cleanup that must park. Scopes inside f work as ever. On a plain thread it just calls f.
// Parks: may (in f).  Calls from: any thread.  Throws: what f throws.
template <class F>
auto shielded(F&& f) -> detail::scope_result<F> {
  if (detail::running_loop() == nullptr) return std::forward<F>(f)();
  detail::scope_frame frame("shielded()");
  frame.enter_shield();
  return std::forward<F>(f)();
}

// The same for at most `grace`: then the waits of f throw `cancelled`, and shielded(), once f is
// left, throws timeout_error; or, if a region further out is cancelled, lets `cancelled` pass.
// Parks: may (in f).  Calls from: fiber.
// Throws: what f throws; timeout_error; cancelled; std::logic_error outside a loop; std::bad_alloc.
template <class F>
auto shielded(duration grace, F&& f) -> detail::scope_result<F> {
  detail::scope_frame frame("shielded()");
  frame.enter_for(grace, true);
  try {
    return std::forward<F>(f)();
  } catch (const cancelled&) {
    // Only after the shield is gone can a cancel further out be seen: takes() asks inside it.
    if (!frame.takes_unshielded()) throw;
  }
  detail::throw_timeout(grace);
}
template <class Rep, class Period, class F>
auto shielded(std::chrono::duration<Rep, Period> grace, F&& f) -> detail::scope_result<F> {
  return shielded(detail::saturate(grace), std::forward<F>(f));
}

// Tells when the present region ends: the earliest deadline around here that no shield hides, the
// regions around a task group included for its children. time_point::min() if it is cancelled
// already, time_point::max() without any.
// Parks: never.  Calls from: any thread (which has none).
WEFT_API time_point effective_deadline() noexcept;

WEFT_NAMESPACE_END
