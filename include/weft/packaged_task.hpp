// SPDX-License-Identifier: BSL-1.0
// A function whose result goes into a weft::future, with std::packaged_task's interface.
// Layer: sync. For whoever keeps functions to be called later; to run one as a task, spawn it.
#pragma once

#include <exception>
#include <functional>
#include <future>
#include <memory>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/future_state.hpp"
#include "weft/errors.hpp"
#include "weft/future.hpp"

WEFT_NAMESPACE_BEGIN

template <class>
class packaged_task;

// Holds a callable, which may be move-only, until it is called once; its result or error is what
// the future's get() gives. Destroyed uncalled, it gives std::future_error (broken_promise).
template <class R, class... A>
class packaged_task<R(A...)> {
 public:
  packaged_task() noexcept = default;

  // Throws: std::bad_alloc; what copying f throws.
  template <class F, std::enable_if_t<!std::is_same_v<std::decay_t<F>, packaged_task>, int> = 0>
  explicit packaged_task(F&& f)
      : state_(std::make_unique<state>()), call_(new typed<std::decay_t<F>>(std::forward<F>(f))) {}

  packaged_task(packaged_task&&) noexcept = default;
  packaged_task& operator=(packaged_task&&) noexcept = default;
  void swap(packaged_task& other) noexcept { std::swap(*this, other); }

  // False for a default-constructed or moved-from one.
  bool valid() const noexcept { return state_ != nullptr; }

  // The one receiving end.  Throws: std::future_error (future_already_retrieved, no_state).
  future<R> get_future() {
    require();
    return state_->answer.get_future();
  }

  // Calls the function and gives its result or error to the future. A cancel of the caller goes on
  // through this call; the future then gets task_cancelled.
  // Parks: may, if the function does.  Calls from: any thread.
  // Throws: std::future_error (promise_already_satisfied) if it was called before, (no_state);
  // cancelled.
  void operator()(A... args) {
    require();
    if (std::exchange(state_->was_called, true)) {
      detail::throw_future_error(static_cast<int>(std::future_errc::promise_already_satisfied));
    }
    promise<R>& answer = state_->answer;
    std::exception_ptr error;
    try {
      if constexpr (std::is_void_v<R>) {
        call_->run(std::forward<A>(args)...);
        answer.set_value();
      } else {
        answer.set_value(call_->run(std::forward<A>(args)...));
      }
      return;
    } catch (const cancelled&) {
      answer.set_exception(std::make_exception_ptr(
          task_cancelled("weft: who called the packaged_task was cancelled inside it")));
      throw;
    } catch (...) {
      error = std::current_exception();
    }
    answer.set_exception(std::move(error));  // out of the handler, which would keep a share
  }

  // Makes it callable again, with a new future.  Throws: std::future_error (no_state);
  // std::bad_alloc.
  void reset() {
    require();
    state_ = std::make_unique<state>();
  }

 private:
  struct callable {
    virtual ~callable() = default;
    virtual R run(A... args) = 0;
  };
  template <class F>
  struct typed final : callable {
    template <class G>
    explicit typed(G&& g) : f(std::forward<G>(g)) {}
    R run(A... args) override {
      if constexpr (std::is_void_v<R>) {
        std::invoke(f, std::forward<A>(args)...);
      } else {
        return std::invoke(f, std::forward<A>(args)...);
      }
    }
    F f;
  };
  struct state {
    promise<R> answer;
    bool was_called = false;
  };

  void require() const {
    if (!state_) detail::throw_future_error(static_cast<int>(std::future_errc::no_state));
  }

  std::unique_ptr<state> state_;
  std::unique_ptr<callable> call_;
};

WEFT_NAMESPACE_END
