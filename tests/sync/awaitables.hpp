// SPDX-License-Identifier: BSL-1.0
// Awaitables of every form, for tests of await.
#pragma once

#include <coroutine>
#include <memory>
#include <stdexcept>
#include <thread>
#include <utility>

#include "support/coroutines.hpp"
#include "weft/coro.hpp"
#include "weft/this_fiber.hpp"

namespace weft_tests {

// Resumes whoever waits when somebody says so; one waits.
struct signal_once {
  std::coroutine_handle<> waiting;
  bool is_set = false;
  int result = 5;

  void set() {
    is_set = true;
    if (waiting) std::exchange(waiting, nullptr).resume();
  }

  bool await_ready() const noexcept { return is_set; }
  void await_suspend(std::coroutine_handle<> h) noexcept { waiting = h; }
  int await_resume() const noexcept { return result; }
};

// await_suspend answers by a bool; true: a thread resumes.
struct by_bool {
  bool suspends;
  std::thread thread{};
  bool await_ready() const noexcept { return false; }
  bool await_suspend(std::coroutine_handle<> h) {
    if (suspends) thread = std::thread([h] { h.resume(); });
    return suspends;
  }
  int await_resume() {
    if (thread.joinable()) thread.join();
    return suspends ? 1 : 2;
  }
};

// Resumes inside await_suspend().
struct at_once {
  bool await_ready() const noexcept { return false; }
  void await_suspend(std::coroutine_handle<> h) const { h.resume(); }
  void await_resume() const noexcept {}
};

struct has_member_operator {
  signal_once* event;
  signal_once& operator co_await() const noexcept { return *event; }
};

struct has_free_operator {
  signal_once* event;
};
inline signal_once& operator co_await(const has_free_operator& x) noexcept { return *x.event; }

template <class T>
lazy_task<T> gives(T value) {
  co_return static_cast<T>(value);
}
inline lazy_task<std::unique_ptr<int>> gives_unique(int value) {
  co_return std::make_unique<int>(value);
}
inline lazy_task<int> throws(const char* text) {
  throw std::runtime_error(text);
  co_return 0;
}
inline lazy_task<> waits_for(signal_once& event, int& seen) { seen = co_await event; }
inline lazy_task<int> adds(int a, int b) {
  const int first = co_await gives(a);
  co_return first + co_await gives(b);
}
inline lazy_task<int> sleeps_then(weft::duration span, int value) {
  weft::await_sleep(span);  // in the middle of a coroutine's body: an ordinary call
  co_return value;
}

}  // namespace weft_tests
