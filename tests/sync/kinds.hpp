// SPDX-License-Identifier: BSL-1.0
// The two kinds of everything in weft/sync, for TEST_CASE_TEMPLATE: a test that holds for one must
// hold for the other.
#pragma once

#include <functional>

#include "weft/barrier.hpp"
#include "weft/broadcast.hpp"
#include "weft/channel.hpp"
#include "weft/condition_variable.hpp"
#include "weft/event.hpp"
#include "weft/lazy.hpp"
#include "weft/mutex.hpp"
#include "weft/queue.hpp"
#include "weft/watch.hpp"

namespace weft_tests {

struct any_thread {
  using mutex = weft::mutex;
  using condition = weft::condition_variable;
  using event = weft::event;
  template <class Completion>
  using barrier = weft::barrier<Completion>;
  template <class T>
  using channel = weft::channel<T>;
  template <class T>
  using lazy = weft::lazy<T>;
  template <class T>
  using broadcast = weft::broadcast<T>;
  template <class T>
  using watch = weft::watch<T>;
  template <class T>
  using queue = weft::queue<T>;
  template <class T>
  using lifo_queue = weft::lifo_queue<T>;
  template <class T, class Compare = std::less<T>>
  using priority_queue = weft::priority_queue<T, Compare>;
};

struct one_loop {
  using mutex = weft::local::mutex;
  using condition = weft::local::condition_variable;
  using event = weft::local::event;
  template <class Completion>
  using barrier = weft::local::barrier<Completion>;
  template <class T>
  using channel = weft::local::channel<T>;
  template <class T>
  using lazy = weft::local::lazy<T>;
  template <class T>
  using broadcast = weft::local::broadcast<T>;
  template <class T>
  using watch = weft::local::watch<T>;
  template <class T>
  using queue = weft::local::queue<T>;
  template <class T>
  using lifo_queue = weft::local::lifo_queue<T>;
  template <class T, class Compare = std::less<T>>
  using priority_queue = weft::local::priority_queue<T, Compare>;
};

}  // namespace weft_tests
