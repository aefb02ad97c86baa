// SPDX-License-Identifier: BSL-1.0
// The loop's window to the kernel. Layer: loop; the io layer implements more of it. A poller runs
// no callbacks of users: it only makes fibers ready.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct descriptor_wait;

class poller {
 public:
  virtual ~poller() = default;

  // Looks what the kernel has, waiting at most `longest` (zero: not at all; max(): until it has
  // something). Returns early on a signal and when the inbox rings.
  virtual void wait(duration longest) noexcept = 0;

  // Notes in `waiter` what happens to `fd` (of POLLIN, POLLOUT), once, and wakes its fiber. 0, or
  // -errno. The waiter must stay until unwatch().
  virtual long watch(int fd, short events, descriptor_wait& waiter) noexcept = 0;
  virtual void unwatch(int fd) noexcept = 0;
};

}  // namespace detail
WEFT_NAMESPACE_END
