// SPDX-License-Identifier: BSL-1.0
// A value that arrives once, from anywhere: between fibers of one loop, between loops, between a
// fiber and a plain thread. Layer: sync. The interface of <future>, whose get() would block the
// whole loop; for several values use a channel.
#pragma once

#include <chrono>
#include <exception>
#include <future>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/future_state.hpp"
#include "weft/detail/payload.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class T>
class typed_state final : public future_state {
 public:
  ~typed_state() override {
    if (has_value_) {
      using value_type = stored<T>;
      slot_.value.~value_type();
    }
  }

  // Sets once. Throws: std::future_error if it was set, what T's constructor throws.
  template <class... V>
  void set(V&&... value) {
    if (!claim()) throw_future_error(static_cast<int>(std::future_errc::promise_already_satisfied));
    try {
      if constexpr (std::is_reference_v<T>) {
        slot_.value = std::addressof(value...);
      } else {
        ::new (static_cast<void*>(std::addressof(slot_.value)))
            stored<T>(std::forward<V>(value)...);
      }
    } catch (...) {
      abandon_claim();
      throw;
    }
    has_value_ = true;
    publish(progress::value);
  }

  T take() {
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*slot_.value);
    } else {
      return std::move(slot_.value);
    }
  }

 private:
  result_slot<T> slot_;
  bool has_value_ = false;  // written before publish()
};

template <class S>
struct state_release {
  void operator()(S* state) const noexcept { state->drop_ref(); }
};
template <class T>
using state_ref = std::unique_ptr<typed_state<T>, state_release<typed_state<T>>>;

}  // namespace detail

template <class T>
class promise;

// The receiving end. Move-only, one consumer.
template <class T>
class [[nodiscard]] future {
 public:
  future() noexcept = default;

  // Waits for the value and moves it out, or rethrows the error; the future is empty afterwards.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: what set_exception got; std::future_error (broken_promise) if the promise died unset,
  // (no_state) on an empty future; cancelled, the future then still has its state.
  T get() {
    require();
    state_->wait_until(time_point::max());
    const detail::state_ref<T> state = std::move(state_);
    state->rethrow_error();
    return state->take();
  }

  // Waits until the value or error is there.
  // Parks: may.  Calls from: fiber, any thread.  Throws: cancelled; std::future_error (no_state).
  void wait() {
    require();
    state_->wait_until(time_point::max());
  }

  // The same until a deadline; false if it came first.
  bool wait_until(time_point deadline) {
    require();
    return state_->wait_until(deadline);
  }
  template <class Rep, class Period>
  bool wait_for(std::chrono::duration<Rep, Period> span) {
    return wait_until(detail::saturating_add(now(), detail::saturate(span)));
  }

  // True if get() would return at once.  Parks: never.  Calls from: any thread.
  bool is_ready() const {
    require();
    return state_->is_ready();
  }

  // False for a default-constructed, moved-from or consumed future.
  bool valid() const noexcept { return state_ != nullptr; }

 private:
  friend class promise<T>;
  explicit future(detail::state_ref<T> state) noexcept : state_(std::move(state)) {}
  void require() const {
    if (!state_) detail::throw_future_error(static_cast<int>(std::future_errc::no_state));
  }

  detail::state_ref<T> state_;
};

// The sending end. Destroyed unset, it gives its future the error broken_promise.
template <class T>
class promise {
 public:
  promise() : state_(new detail::typed_state<T>) {}  // Throws: std::bad_alloc
  promise(promise&&) noexcept = default;
  promise& operator=(promise&& other) noexcept {
    if (this != &other) {
      break_promise();
      state_ = std::move(other.state_);
      has_future_ = other.has_future_;
    }
    return *this;
  }
  ~promise() { break_promise(); }

  // The one receiving end.  Throws: std::future_error (future_already_retrieved, no_state).
  future<T> get_future() {
    require();
    if (has_future_) {
      detail::throw_future_error(static_cast<int>(std::future_errc::future_already_retrieved));
    }
    has_future_ = true;
    state_->add_ref();
    return future<T>(detail::state_ref<T>(state_.get()));
  }

  // Sets the value (nothing for promise<void>) and wakes whoever waits.
  // Parks: never.  Calls from: any thread.
  // Throws: std::future_error (promise_already_satisfied, no_state); what T's constructor throws,
  // the promise is then as before.
  template <class... V, std::enable_if_t<sizeof...(V) == (std::is_void_v<T> ? 0 : 1), int> = 0>
  void set_value(V&&... value) {
    require();
    state_->set(std::forward<V>(value)...);
  }

  // Sets an error instead.  As set_value.
  void set_exception(std::exception_ptr error) {
    require();
    if (!state_->claim()) {
      detail::throw_future_error(static_cast<int>(std::future_errc::promise_already_satisfied));
    }
    state_->publish(detail::future_state::progress::error, std::move(error));
  }

 private:
  void require() const {
    if (!state_) detail::throw_future_error(static_cast<int>(std::future_errc::no_state));
  }
  void break_promise() noexcept {
    if (state_ && state_->claim()) {
      // A statement of its own: copies of the error share its text, and none of ours may be left
      // when another thread reads it.
      std::exception_ptr error =
          std::make_exception_ptr(std::future_error(std::future_errc::broken_promise));
      state_->publish(detail::future_state::progress::error, std::move(error));
    }
    state_.reset();
  }

  detail::state_ref<T> state_;
  bool has_future_ = false;
};

WEFT_NAMESPACE_END
