// SPDX-License-Identifier: BSL-1.0
// What a fiber gives to a C++20 awaitable as "the coroutine that waits": a coroutine frame made by
// hand, on the fiber's own stack. Layer: sync. Made by weft::await(); needs no C++20 itself.
//
// Some facts about coroutine frames: the first two words are the functions that resume() and
// destroy() call, with the frame's address; done() compares the first with null. g++ and clang
// share this, and both call them as C functions where a first argument is passed in a register.
//
// What this means here: no allocation, and no code after the signal. A real coroutine would touch
// its frame once more when it suspends for good, while its fiber, on another thread, may have
// returned from the function in which the frame lay.
// Source: "Coroutines in LLVM", coroutine frame; libstdc++'s noop coroutine, made in the same way.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/detail/wait_type.hpp"
#include "weft/detail/waker.hpp"

#if defined(__i386__) && defined(__clang__)
#error "weft: clang passes a coroutine's frame by another convention on i386"
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {

// A thread may have it: the search for deadlocks asks whether there is one.
inline constexpr wait_type coroutine_wait{"await", ended_by::threads};

class resumable {
 public:
  resumable() noexcept = default;
  resumable(const resumable&) = delete;
  resumable& operator=(const resumable&) = delete;

  // For coroutine_handle<>::from_address().
  void* address() noexcept { return &head_; }

  waker& done() noexcept { return done_; }

  // True if it was not resumed but destroyed: what should have resumed it is gone.
  // Precondition: the wait is over.
  bool was_destroyed() const noexcept { return was_destroyed_; }

 private:
  struct head {
    void (*resume)(void* frame) noexcept;
    void (*destroy)(void* frame) noexcept;
    resumable* owner;
  };

  static void on_resume(void* frame) noexcept {
    static_cast<head*>(frame)->owner->done_.signal();  // all may be gone from here on
  }
  static void on_destroy(void* frame) noexcept {
    resumable& self = *static_cast<head*>(frame)->owner;
    self.was_destroyed_ = true;  // the signal orders it
    self.done_.signal();
  }

  head head_{&on_resume, &on_destroy, this};
  waker done_;
  bool was_destroyed_ = false;
};

}  // namespace detail
WEFT_NAMESPACE_END
