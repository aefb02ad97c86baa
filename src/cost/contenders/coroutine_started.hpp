// SPDX-License-Identifier: BSL-1.0
// The C++20 peer's tasks that run beside their parent: put into the ring `ready` of the including
// file when they are made, waited for by co_await.
#pragma once

#include <coroutine>
#include <cstdint>
#include <exception>
#include <utility>

#include "coroutine_task.hpp"

namespace cost {
namespace {

// A task of the scheduler: whoever ends goes on in who waits for it, else in the next of the ring.
class started {
 public:
  struct promise_type : allocating<frames> {
    std::coroutine_handle<> caller;
    std::uint64_t value = 0;

    started get_return_object() noexcept {
      return started(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    struct queueing {
      bool await_ready() const noexcept { return false; }
      void await_suspend(std::coroutine_handle<> self) const noexcept { ready.push(self); }
      void await_resume() const noexcept {}
    };
    queueing initial_suspend() const noexcept { return {}; }
    struct ending {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(
          std::coroutine_handle<promise_type> ended) const noexcept {
        return ended.promise().caller ? ended.promise().caller : ready.pop();
      }
      void await_resume() const noexcept {}
    };
    ending final_suspend() const noexcept { return {}; }
    void return_value(std::uint64_t result) noexcept { value = result; }
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };

  started(started&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
  started& operator=(started&&) = delete;
  ~started() {
    if (frame_) frame_.destroy();
  }

  bool await_ready() const noexcept { return frame_.done(); }
  std::coroutine_handle<> await_suspend(std::coroutine_handle<> caller) const noexcept {
    frame_.promise().caller = caller;
    return ready.pop();
  }
  std::uint64_t await_resume() const noexcept { return frame_.promise().value; }

 private:
  explicit started(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}

  std::coroutine_handle<promise_type> frame_;
};

}  // namespace
}  // namespace cost
