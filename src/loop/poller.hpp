// SPDX-License-Identifier: BSL-1.0
// The loop's window to the kernel. Layer: loop; the io layer implements more of it. A poller runs
// no callbacks of users: it only makes fibers ready.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class poller {
 public:
  virtual ~poller() = default;

  // Looks what the kernel has, waiting at most `longest` (zero: not at all; max(): until it has
  // something). Returns early on a signal and when the inbox rings.
  virtual void wait(duration longest) noexcept = 0;
};

}  // namespace detail
WEFT_NAMESPACE_END
