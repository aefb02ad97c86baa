// SPDX-License-Identifier: BSL-1.0
// What the tests of queues share: the two kinds of each, and values that are hard to handle.
#pragma once

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "support/no_leaks.hpp"
#include "weft/queue.hpp"
#include "weft/time.hpp"

namespace weft_tests {

// Its moves throw as long as `fails`, and yield as long as `parks`.
struct unruly {
  explicit unruly(int n) : number(n) {}
  unruly(unruly&& other) : number(other.number) {
    if (fails) throw std::runtime_error("moved");
    if (parks) weft::yield();
    other.number = -1;
  }
  unruly& operator=(unruly&& other) noexcept {
    number = std::exchange(other.number, -1);
    return *this;
  }
  int number;
  counted held;
  static inline bool fails = false;
  static inline bool parks = false;
};

// What `f` throws, as text.
template <class F>
std::string text_of_error(F&& f) {
  try {
    f();
  } catch (const std::exception& e) {
    return e.what();
  }
  return "nothing was thrown";
}

inline bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace weft_tests
