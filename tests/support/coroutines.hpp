// SPDX-License-Identifier: BSL-1.0
// Other people's coroutines: a lazy task as cppcoro has it, an eager one with a handle, a generator
// as C++23 has it. They know nothing of weft.
#pragma once

#include <coroutine>
#include <exception>
#include <iterator>
#include <memory>
#include <type_traits>
#include <utility>
#include <variant>

namespace weft_tests {

template <class T>
class lazy_task;

// The awaiting side is resumed by symmetric transfer.
struct lazy_promise_base {
  struct transfer {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().caller;
    }
    void await_resume() const noexcept {}
  };
  std::suspend_always initial_suspend() const noexcept { return {}; }
  transfer final_suspend() const noexcept { return {}; }
  std::coroutine_handle<> caller = std::noop_coroutine();
};

template <class T>
struct lazy_promise : lazy_promise_base {
  using kept = std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, T>;

  lazy_task<T> get_return_object() noexcept;
  template <class V>
  void return_value(V&& value) {
    if constexpr (std::is_reference_v<T>) {
      result.template emplace<1>(std::addressof(value));
    } else {
      result.template emplace<1>(std::forward<V>(value));
    }
  }
  void unhandled_exception() noexcept { result.template emplace<2>(std::current_exception()); }
  kept& value() {
    if (result.index() == 2) std::rethrow_exception(std::get<2>(result));
    return std::get<1>(result);
  }

  std::variant<std::monostate, kept, std::exception_ptr> result;
};

template <>
struct lazy_promise<void> : lazy_promise_base {
  lazy_task<void> get_return_object() noexcept;
  void return_void() const noexcept {}
  void unhandled_exception() noexcept { error = std::current_exception(); }
  std::exception_ptr error;
};

// Runs when it is awaited; as an rvalue it gives its result away, as cppcoro's does.
template <class T = void>
class [[nodiscard]] lazy_task {
 public:
  using promise_type = lazy_promise<T>;

  lazy_task(lazy_task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  lazy_task& operator=(lazy_task&&) = delete;
  ~lazy_task() {
    if (frame_) frame_.destroy();
  }

  struct awaiter_base {
    std::coroutine_handle<promise_type> frame;
    bool await_ready() const noexcept { return frame.done(); }
    std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) const noexcept {
      frame.promise().caller = caller;
      return frame;
    }
  };
  auto operator co_await() & noexcept {
    struct awaiter : awaiter_base {
      decltype(auto) await_resume() const { return result_of(this->frame.promise()); }
    };
    return awaiter{{frame_}};
  }
  auto operator co_await() && noexcept {
    struct awaiter : awaiter_base {
      decltype(auto) await_resume() const { return moved_from(this->frame.promise()); }
    };
    return awaiter{{frame_}};
  }

 private:
  friend promise_type;
  explicit lazy_task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  static decltype(auto) result_of(promise_type& promise) {
    if constexpr (std::is_void_v<T>) {
      if (promise.error) std::rethrow_exception(promise.error);
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*promise.value());
    } else {
      return static_cast<T&>(promise.value());
    }
  }
  static decltype(auto) moved_from(promise_type& promise) {
    if constexpr (std::is_void_v<T> || std::is_reference_v<T>) {
      return result_of(promise);
    } else {
      return static_cast<T&&>(promise.value());
    }
  }

  std::coroutine_handle<promise_type> frame_;
};

template <class T>
lazy_task<T> lazy_promise<T>::get_return_object() noexcept {
  return lazy_task<T>(std::coroutine_handle<lazy_promise>::from_promise(*this));
}
inline lazy_task<void> lazy_promise<void>::get_return_object() noexcept {
  return lazy_task<void>(std::coroutine_handle<lazy_promise>::from_promise(*this));
}

// Runs at once, until its first wait. Destroying the object destroys the coroutine wherever it is.
class [[nodiscard]] started {
 public:
  struct promise_type {
    started get_return_object() noexcept {
      return started(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_never initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };

  started(started&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  started& operator=(started&&) = delete;
  ~started() { destroy(); }

  bool done() const noexcept { return frame_.done(); }
  void destroy() noexcept {
    if (frame_) std::exchange(frame_, nullptr).destroy();
  }

 private:
  explicit started(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

// An input range of what the body yields.
template <class T>
class sequence {
 public:
  struct promise_type {
    sequence get_return_object() noexcept {
      return sequence(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() const noexcept { return {}; }
    std::suspend_always yield_value(T one) noexcept {
      value = std::move(one);
      return {};
    }
    void return_void() const noexcept {}
    void unhandled_exception() const { throw; }  // out of the resume(), as std::generator does
    T value{};
  };

  struct iterator {
    std::coroutine_handle<promise_type> frame;
    iterator& operator++() {
      frame.resume();
      return *this;
    }
    T& operator*() const noexcept { return frame.promise().value; }
    bool operator!=(std::default_sentinel_t) const noexcept { return !frame.done(); }
  };

  sequence(sequence&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  sequence& operator=(sequence&&) = delete;
  ~sequence() {
    if (frame_) frame_.destroy();
  }

  iterator begin() {
    frame_.resume();
    return {frame_};
  }
  std::default_sentinel_t end() const noexcept { return {}; }

 private:
  explicit sequence(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

}  // namespace weft_tests
