// SPDX-License-Identifier: BSL-1.0
// The C++20 peer's recursive generator: C++23's std::generator with elements_of, without what costs
// (exceptions out of it, allocators chosen at run time). The root knows the innermost frame and
// resumes it directly; a frame that ends goes on in its parent by symmetric transfer.
#pragma once

#include <coroutine>
#include <cstddef>
#include <exception>
#include <utility>

#include "coroutine_frames.hpp"

namespace cost {

template <class T, class Frames>
class recursive_generator {
 public:
  struct promise_type;
  using handle = std::coroutine_handle<promise_type>;

  struct promise_type : allocating<Frames> {
    promise_type* root = this;
    handle parent;     // nullptr: the root itself
    handle innermost;  // the root's: whom next() resumes
    T* value = nullptr;

    recursive_generator get_return_object() noexcept {
      const handle self = handle::from_promise(*this);
      innermost = self;
      return recursive_generator(self);
    }
    std::suspend_always initial_suspend() const noexcept { return {}; }

    struct ending {
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(handle ended) const noexcept {
        promise_type& mine = ended.promise();
        if (!mine.parent) return std::noop_coroutine();
        mine.root->innermost = mine.parent;
        return mine.parent;
      }
      void await_resume() const noexcept {}
    };
    ending final_suspend() const noexcept { return {}; }

    std::suspend_always yield_value(T& one) noexcept {
      root->value = &one;
      return {};
    }
    std::suspend_always yield_value(T&& one) noexcept {
      root->value = &one;
      return {};
    }

    struct elements {
      recursive_generator of;
      bool await_ready() const noexcept { return false; }
      std::coroutine_handle<> await_suspend(handle outer) const noexcept {
        promise_type& inner = of.frame_.promise();
        inner.root = outer.promise().root;
        inner.parent = outer;
        inner.root->innermost = of.frame_;
        return of.frame_;
      }
      void await_resume() const noexcept {}
    };
    elements yield_value(recursive_generator inner) noexcept { return {std::move(inner)}; }

    void return_void() const noexcept {}
    [[noreturn]] void unhandled_exception() const noexcept { std::terminate(); }
  };

  recursive_generator(recursive_generator&& other) noexcept
      : frame_(std::exchange(other.frame_, nullptr)) {}
  recursive_generator& operator=(recursive_generator&&) = delete;
  ~recursive_generator() {
    if (frame_) frame_.destroy();
  }

  bool next() {
    frame_.promise().innermost.resume();
    return !frame_.done();
  }
  T& value() const noexcept { return *frame_.promise().value; }

 private:
  explicit recursive_generator(handle frame) noexcept : frame_(frame) {}

  handle frame_;
};

}  // namespace cost
