// SPDX-License-Identifier: BSL-1.0
// Coroutines that note what they saw, and where, for tests of co_await.
#pragma once

#include <coroutine>
#include <exception>
#include <optional>
#include <string>
#include <thread>

#include "support/coroutines.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/coro.hpp"
#include "weft/this_fiber.hpp"

namespace weft_tests {

inline lazy_task<int> doubles(weft::task<int>& t) { co_return 2 * co_await t; }

// What a coroutine saw; `where` is the fiber in which it went on.
struct view {
  std::optional<int> value;
  std::string error;
  weft::fiber_id where{};
  std::thread::id thread;
  bool was_in_fiber = false;

  void look() {
    was_in_fiber = weft::in_fiber();
    if (was_in_fiber) where = weft::this_fiber::id();
    thread = std::this_thread::get_id();
  }
};

template <class Awaitable>
started watches(Awaitable& what, view& seen) {
  const counted witness;
  try {
    seen.value = co_await what;
  } catch (const std::exception& e) {
    seen.error = e.what();
  }
  seen.look();
}

// The same for what `make` returns, which then lives in the coroutine.
template <class F>
started watches_result_of(F make, view& seen) {
  const counted witness;
  try {
    seen.value = co_await make();
  } catch (const std::exception& e) {
    seen.error = e.what();
  }
  seen.look();
}

}  // namespace weft_tests
