// SPDX-License-Identifier: BSL-1.0
// Keeps a loop's virtual clock from jumping while a fiber of it waits for a thread. Layer: sync.
#pragma once

#include <atomic>

#include "../loop/shared_side.hpp"
#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class clock_hold {
 public:
  explicit clock_hold(shared_side& of_loop) noexcept : shared_(of_loop) {
    shared_.external.fetch_add(1, std::memory_order_relaxed);
  }
  // Nobody is rung: the loop runs, or this would not.
  ~clock_hold() { shared_.external.fetch_sub(1, std::memory_order_relaxed); }
  clock_hold(const clock_hold&) = delete;
  clock_hold& operator=(const clock_hold&) = delete;

 private:
  shared_side& shared_;
};

}  // namespace detail
WEFT_NAMESPACE_END
