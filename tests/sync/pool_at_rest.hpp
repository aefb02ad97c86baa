// SPDX-License-Identifier: BSL-1.0
// What tests of the pool of threads share: a fixture that lets the pool come to rest, and a pool of
// one thread, so that a test decides what is queued and what runs.
#pragma once

#include <cstddef>
#include <future>
#include <optional>
#include <thread>

#include "support/no_leaks.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"
#include "weft/to_thread.hpp"

namespace weft_tests {

// no_leaks, once no thread of the pool is still on its way back from a call: the last thing that it
// does there is to let go of the loop that waited.
class pool_at_rest : public no_leaks {
 public:
  ~pool_at_rest() {
    while (weft::measure_thread_pool().busy != 0) std::this_thread::yield();
  }
};

class one_thread {
 public:
  explicit one_thread(std::size_t limit = 1) : before_(weft::measure_thread_pool().limit) {
    weft::set_thread_pool_limit(limit);
    wait_for_threads(limit);
  }
  ~one_thread() {
    if (holder_) release();
    weft::set_thread_pool_limit(before_);
  }
  one_thread(const one_thread&) = delete;
  one_thread& operator=(const one_thread&) = delete;

  // Returns when the thread is busy; it stays so until release().
  void occupy() {
    begun_.emplace();
    end_.emplace();
    holder_.emplace(weft::spawn([this] {
      weft::to_thread([this] {
        begun_->set_value();
        end_->get_future().wait();
      });
    }));
    weft::yield();
    begun_->get_future().wait();
  }
  void release() {
    end_->set_value();
    holder_->join();
    holder_.reset();
  }

  // Idle threads that are too many end by themselves, on their own time.
  static void wait_for_threads(std::size_t at_most) {
    while (weft::measure_thread_pool().threads > at_most) std::this_thread::yield();
  }

 private:
  std::size_t before_;
  std::optional<std::promise<void>> begun_;
  std::optional<std::promise<void>> end_;
  std::optional<weft::task<>> holder_;
};

}  // namespace weft_tests
