// SPDX-License-Identifier: BSL-1.0
// Loops of a pool that cannot look at anything: each in a step as long as the test wants.
#pragma once

#include <atomic>
#include <thread>
#include <vector>

#include "weft/loop_pool.hpp"
#include "weft/task.hpp"

namespace weft_tests {

// Holds the thread of every loop but `free` of them, as a long step would, until let go.
class stuck_loops {
 public:
  explicit stuck_loops(weft::loop_pool& pool, unsigned free = 0) {
    for (unsigned i = free; i < pool.size(); ++i) {
      tasks_.push_back(pool.spawn_on(i, [this] {
        ++stuck_;
        while (!is_over_) std::this_thread::yield();
      }));
    }
    while (stuck_ != tasks_.size()) std::this_thread::yield();
  }
  ~stuck_loops() { let_go(); }
  void let_go() {
    is_over_ = true;
    for (auto& one : tasks_) one.join();
  }

 private:
  std::atomic<unsigned> stuck_{0};
  std::atomic<bool> is_over_{false};
  std::vector<weft::task<>> tasks_;
};

}  // namespace weft_tests
