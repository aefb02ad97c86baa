// SPDX-License-Identifier: BSL-1.0
// The loop's window to the kernel. Layer: loop; the io layer implements more of it. A poller runs
// no callbacks of users: it only makes fibers ready.
#pragma once

#include "descriptor_table.hpp"
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

  // Registers a descriptor of weft's own for as long as it is open: both directions, each change
  // once. 0, or -errno.
  virtual long watch(int fd, descriptor_slot& slot) noexcept = 0;

  // Registers one of somebody else for the next of `events` (of POLLIN, POLLOUT, POLLRDHUP,
  // POLLPRI), or changes for what. 0, or -errno.
  virtual long watch_once(int fd, descriptor_slot& slot, short events) noexcept = 0;

  // Asks whether the file behind `fd` is still the one that watch_once() registered; it is then
  // registered anew.
  virtual bool is_watched(int fd, descriptor_slot& slot, short events) noexcept = 0;

  // Registers one that other loops watch, too, for reading: an event wakes one loop of those that
  // sleep. 0, or -errno.  Calls from: any thread, under the guard of its shared_watch.
  virtual long watch_shared(int fd, std::uint32_t id) noexcept = 0;

  // Calls from: the loop's thread; of what is shared, as watch_shared().
  virtual void unwatch(int fd) noexcept = 0;

  // In a child of fork(): lets go of what the parent's loop works with, and gets the same anew,
  // with every wait and every descriptor of weft's own.  Throws: std::system_error.
  virtual void abandon() noexcept = 0;
  virtual void renew(int event_fd) = 0;

  // Readable while wait() would find something.
  virtual int descriptor() const noexcept = 0;

  descriptor_table descriptors;
};

}  // namespace detail
WEFT_NAMESPACE_END
