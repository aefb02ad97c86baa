// SPDX-License-Identifier: BSL-1.0
// For tests of explore(): a fixture, and the primitives that a user without weft's own would write.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "weft/explore.hpp"
#include "weft/weft.hpp"

namespace weft_tests {

// Where fibers wait until somebody wakes them, in the order of their arrival.
class waiting_room {
 public:
  void wait() {
    weft::promise<void> token;
    weft::future<void> woken = token.get_future();
    tokens_.push_back(&token);
    try {
      woken.get();
    } catch (...) {
      tokens_.erase(std::remove(tokens_.begin(), tokens_.end(), &token), tokens_.end());
      throw;
    }
  }
  bool wake_one() {
    if (tokens_.empty()) return false;
    weft::promise<void>* const first = tokens_.front();
    tokens_.pop_front();
    first->set_value();
    return true;
  }
  void wake_all() {
    while (wake_one()) continue;
  }
  bool empty() const { return tokens_.empty(); }

 private:
  std::deque<weft::promise<void>*> tokens_;
};

// A lock that belongs to nobody in particular, as hand-made ones do.
class plain_lock {
 public:
  void lock() {
    while (is_held_) room_.wait();
    is_held_ = true;
  }
  void unlock() {
    is_held_ = false;
    room_.wake_one();
  }

 private:
  bool is_held_ = false;
  waiting_room room_;
};

class exploring : public no_leaks {
 public:
  template <class F>
  weft::testing::explore_result explore(F&& body, weft::testing::explore_options how = {}) {
    how.print = false;
    how.loop.stacks = &stacks;
    return weft::testing::explore(std::forward<F>(body), how);
  }

  // Fails in some order, is found in less than a second, and the seed repeats it step by step.
  template <class F>
  weft::testing::explore_result finds(const char* text, F body,
                                      weft::testing::explore_options how = {}) {
    const auto began = std::chrono::steady_clock::now();
    const auto found = explore(body, how);
    const auto took = std::chrono::steady_clock::now() - began;
    CHECK(found.failed);
    CHECK_FALSE(found.exhaustive);
    CHECK_MESSAGE(found.failure.find(text) != std::string::npos, found.failure);
    CHECK(took < std::chrono::seconds(scaled(1, 10)));
    how.replay = found.seed;
    const auto again = explore(body, how);
    CHECK(again.failure == found.failure);
    CHECK(again.timeline == found.timeline);
    CHECK(again.schedules == 1);
    return found;
  }

  // Holds in every order.
  template <class F>
  weft::testing::explore_result passes(F body, weft::testing::explore_options how = {}) {
    const auto found = explore(body, how);
    CHECK_MESSAGE(!found.failed, found.failure << '\n' << found.timeline);
    const bool is_whole = found.exhaustive || (found.bounded && !found.out_of_budget);
    CHECK(is_whole);
    CHECK(found.schedules > 1);  // else there was nothing to explore
    return found;
  }
};

// n steps with a yield between them.
inline auto steps(int n) {
  return [n] {
    for (int i = 1; i < n; ++i) weft::yield();
  };
}

}  // namespace weft_tests
