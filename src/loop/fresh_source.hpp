// SPDX-License-Identifier: BSL-1.0
// Where a loop finds fibers that any of several loops may start. Layer: loop; its window for the
// pool of loops, which stands above it. Only fibers that have not begun pass through it.
#pragma once

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

class fresh_source {
 public:
  // Adopts what the loop is to start now, if anything.  Called at each look, on the loop's thread.
  virtual void take(loop& here) noexcept = 0;

  // True if something waits for any loop; a hint.
  virtual bool has_any() const noexcept = 0;

  // False if something waits that this loop is to take. Called after inbox::announce_sleep(): who
  // adds something later than this looks finds a loop that can be rung.
  virtual bool may_sleep(loop& here) noexcept = 0;

 protected:
  ~fresh_source() = default;
};

}  // namespace detail
WEFT_NAMESPACE_END
