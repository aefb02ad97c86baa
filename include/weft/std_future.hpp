// SPDX-License-Identifier: BSL-1.0
// The part of weft/std.hpp that <future> has: future, promise, packaged_task, async. Layer: sync.
// Over weft's, whose waits return bool and take the loop's clock alone.
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/future.hpp"
#include "weft/packaged_task.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace std_compat {

using std::future_errc;
using std::future_error;
using std::future_status;
using std::launch;

template <class T>
class promise;
template <class>
class packaged_task;

namespace internal {

// Of async(): waited for, without a cancel, by the last who has the future.
class waited_for {
 public:
  waited_for() noexcept = default;
  explicit waited_for(task<> one) noexcept : task_(std::move(one)) {}
  waited_for(waited_for&&) noexcept = default;
  waited_for& operator=(waited_for&& other) noexcept {
    if (this != &other) {
      wait();
      task_ = std::move(other.task_);
    }
    return *this;
  }
  ~waited_for() { wait(); }

 private:
  void wait() noexcept {
    if (!task_.valid()) return;
    try {
      task_.join();
    } catch (...) {  // the waiter is cancelled: then so is what it waits for, by the handle
    }
  }
  task<> task_;
};

// Until a deadline of any clock.
template <class Clock, class Duration>
time_point on_our_clock(std::chrono::time_point<Clock, Duration> deadline) {
  if constexpr (std::is_same_v<Clock, clock>) {
    return detail::saturate(deadline);
  } else {
    return detail::saturating_add(now(), detail::saturate(deadline - Clock::now()));
  }
}

}  // namespace internal

// As std::future, of one waiter: get() moves the value out, and both halves are move-only.
// Differs: no share(). A wait in a cancelled task throws `cancelled`, and the future stays as it is.
// That of an async() waits in its destructor as there, but in a cancelled fiber it cancels the
// function first. wait_until() of another clock converts the deadline once, at the call.
template <class T>
class [[nodiscard]] future {
 public:
  future() noexcept = default;

  // Parks: may.  Calls from: fiber, any thread (which then blocks).  Throws: what the other half
  // was given; std::future_error; cancelled.
  T get() {
    run_deferred();
    return value_.get();
  }

  // Parks, Calls from: as get().  Throws: std::future_error (no_state); cancelled.
  void wait() {
    run_deferred();
    value_.wait();
  }
  template <class Rep, class Period>
  future_status wait_for(std::chrono::duration<Rep, Period> span) {
    return wait_until(detail::saturating_add(now(), detail::saturate(span)));
  }
  template <class Clock, class Duration>
  future_status wait_until(std::chrono::time_point<Clock, Duration> deadline) {
    if (deferred_ != nullptr) return future_status::deferred;
    return value_.wait_until(internal::on_our_clock(deadline)) ? future_status::ready
                                                               : future_status::timeout;
  }

  bool valid() const noexcept { return value_.valid(); }

 private:
  friend class promise<T>;
  template <class>
  friend class packaged_task;
  template <class F, class... A>
  friend auto async(launch, F&&, A&&...)
      -> future<std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>>;

  explicit future(weft::future<T> value) noexcept : value_(std::move(value)) {}

  void run_deferred() {
    if (deferred_ == nullptr) return;
    const auto call = std::move(deferred_);
    (*call)();
  }

  weft::future<T> value_;
  std::unique_ptr<weft::packaged_task<T()>> deferred_;
  internal::waited_for task_;  // last: it may still write to the value
};

// As std::promise.
template <class T>
class promise {
 public:
  promise() = default;  // Throws: std::bad_alloc
  future<T> get_future() { return future<T>(own_.get_future()); }

  // Parks: never.  Calls from: any thread.  Throws: std::future_error.
  template <class... V, std::enable_if_t<sizeof...(V) == (std::is_void_v<T> ? 0 : 1), int> = 0>
  void set_value(V&&... value) {
    own_.set_value(std::forward<V>(value)...);
  }
  void set_exception(std::exception_ptr error) { own_.set_exception(std::move(error)); }
  void swap(promise& other) noexcept { std::swap(*this, other); }

 private:
  weft::promise<T> own_;
};

// As std::packaged_task. Differs: a cancel of the caller goes through the call, and the future gets
// task_cancelled.
template <class R, class... A>
class packaged_task<R(A...)> {
 public:
  packaged_task() noexcept = default;
  template <class F, std::enable_if_t<!std::is_same_v<std::decay_t<F>, packaged_task>, int> = 0>
  explicit packaged_task(F&& f) : own_(std::forward<F>(f)) {}

  bool valid() const noexcept { return own_.valid(); }
  future<R> get_future() { return future<R>(own_.get_future()); }

  // Parks: may, if the function does.  Calls from: any thread.  Throws: std::future_error;
  // cancelled.
  void operator()(A... arguments) { own_(std::forward<A>(arguments)...); }
  void reset() { own_.reset(); }
  void swap(packaged_task& other) noexcept { own_.swap(other.own_); }

 private:
  weft::packaged_task<R(A...)> own_;
};

// As std::async: a task of the running loop, or with launch::deferred alone a call by who waits
// first. Differs: `async` is at once a task, but begins when the caller waits; without a policy it
// is always one.
// Parks: never.  Calls from: fiber; any thread for launch::deferred.
// Throws: std::logic_error outside a loop; std::bad_alloc; what copying throws.
template <class F, class... A>
auto async(launch how, F&& f, A&&... arguments)
    -> future<std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>> {
  using R = std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>;
  weft::packaged_task<R()> work(
      [call = std::tuple<std::decay_t<F>, std::decay_t<A>...>(
           std::forward<F>(f), std::forward<A>(arguments)...)]() mutable -> R {
        return std::apply(
            [](auto& function, auto&... each) -> R {
              return std::invoke(std::move(function), std::move(each)...);
            },
            call);
      });
  future<R> result(work.get_future());
  if ((how & launch::async) == launch::async) {
    result.task_ = internal::waited_for(weft::spawn([run = std::move(work)]() mutable { run(); }));
  } else {
    result.deferred_ = std::make_unique<weft::packaged_task<R()>>(std::move(work));
  }
  return result;
}
template <class F, class... A,
          std::enable_if_t<!std::is_same_v<std::decay_t<F>, launch>, int> = 0>
auto async(F&& f, A&&... arguments)
    -> future<std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>> {
  return std_compat::async(launch::async, std::forward<F>(f), std::forward<A>(arguments)...);
}

}  // namespace std_compat
WEFT_NAMESPACE_END
