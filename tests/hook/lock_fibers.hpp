// SPDX-License-Identifier: BSL-1.0
// What tests of the locks tier share: a loop whose calls are hooked, on a virtual clock, and a
// fiber that shows that the thread never stood still: had it, nobody would be there to end the
// wait.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <utility>

#include <doctest/doctest.h>

#include "weft/hook.hpp"
#include "weft/options.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"

namespace weft_tests {

// Runs f(clock) as main of a loop, with tier::locks.
template <class F>
void run_locking(F&& f) {
  weft::hook::require(weft::hook::tier::locks);
  weft::testing::virtual_clock clock;
  weft::options how;
  how.time = &clock;
  weft::run(how, [&] { f(clock); });
}

// The same in real time, for what other threads take part in.
template <class F>
void run_locking_with_threads(F&& f) {
  weft::hook::require(weft::hook::tier::locks);
  weft::run(std::forward<F>(f));
}

// Ticks each millisecond while it lives.
class ticker {
 public:
  ticker()
      : fiber_(weft::spawn({"ticker"}, [this] {
          while (!is_over_) {
            ++ticks_;
            weft::await_sleep(std::chrono::milliseconds(1));
          }
        })) {}
  ~ticker() {
    is_over_ = true;
    fiber_.get();
  }
  ticker(const ticker&) = delete;
  ticker& operator=(const ticker&) = delete;

  int ticks() const noexcept { return ticks_; }

 private:
  bool is_over_ = false;
  int ticks_ = 0;
  weft::task<void> fiber_;
};

// Notes whether two were ever inside at once.
class inside_at_once {
 public:
  void enter() noexcept {
    const int now = ++count_;
    if (now > most_) most_ = now;
  }
  void leave() noexcept { --count_; }
  int most() const noexcept { return most_; }

 private:
  std::atomic<int> count_{0};
  std::atomic<int> most_{0};
};

}  // namespace weft_tests
