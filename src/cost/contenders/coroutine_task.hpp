// SPDX-License-Identifier: BSL-1.0
// The C++20 peer's task<> and ring: what every tutorial ends with, and no more. Frames come from
// where the including file says: `frames` is pooled_frames or malloced_frames, in an unnamed
// namespace, as all that is built on it.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <type_traits>
#include <utility>

#include "coroutine_frames.hpp"

namespace cost {

// As weft's ready ring, but for handles.
class handle_ring {
 public:
  void push(std::coroutine_handle<> one) noexcept { slots_[tail_++ & mask_] = one; }
  std::coroutine_handle<> pop() noexcept {
    const std::coroutine_handle<> first = slots_[head_++ & mask_];
    __builtin_prefetch(slots_[head_ & mask_].address());
    return first;
  }

  std::size_t size() const noexcept { return tail_ - head_; }

  // Empties it and makes room.
  void restart(std::size_t handles) {
    head_ = tail_ = 0;
    if (slots_ != nullptr && mask_ + 1 >= handles) return;
    while (mask_ + 1 < handles) mask_ = mask_ * 2 + 1;
    slots_ = std::make_unique<std::coroutine_handle<>[]>(mask_ + 1);
  }

 private:
  std::size_t head_ = 0;
  std::size_t tail_ = 0;
  std::size_t mask_ = 63;
  std::unique_ptr<std::coroutine_handle<>[]> slots_;
};

namespace {

struct promise_base : allocating<frames> {
  struct returning {
    bool await_ready() const noexcept { return false; }
    template <class Promise>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<Promise> ended) const noexcept {
      return ended.promise().caller;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  returning final_suspend() const noexcept { return {}; }
  [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }

  std::coroutine_handle<> caller = std::noop_coroutine();
};

template <class T>
struct promise_of : promise_base {
  void return_value(T result) noexcept { value = result; }
  T result() const noexcept { return value; }
  T value{};
};

template <>
struct promise_of<void> : promise_base {
  void return_void() const noexcept {}
  void result() const noexcept {}
};

// Lazy: runs when it is awaited.
template <class T = void>
class task {
 public:
  struct promise_type : promise_of<T> {
    task get_return_object() noexcept {
      return task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
  };

  task(task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  task& operator=(task&&) = delete;
  ~task() {
    if (frame_) frame_.destroy();
  }

  std::coroutine_handle<> handle() const noexcept { return frame_; }

  bool await_ready() const noexcept { return false; }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) const noexcept {
    frame_.promise().caller = caller;
    return frame_;
  }
  T await_resume() const noexcept { return frame_.promise().result(); }

 private:
  explicit task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

}  // namespace
}  // namespace cost
