// SPDX-License-Identifier: BSL-1.0
// Waiting until one descriptor is readable or writable. Layer: loop. One waiter a descriptor; the
// registration lasts as long as the wait.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lies in the waiter's frame; the poller points at it while it is watched.
struct descriptor_wait {
  fiber* owner = nullptr;
  short happened = 0;  // POLLIN, POLLOUT, POLLERR, POLLHUP
};

// Parks the running fiber (on a plain thread: blocks) until `fd` is ready for one of `events`
// (POLLIN, POLLOUT) or the deadline has passed. What happened, as poll(2) tells it; 0: too late;
// -errno: EBADF, EPERM (a regular file is always ready and cannot be waited for), EEXIST (another
// fiber waits for it), ENOMEM, ENOSPC.
// Throws: cancelled; in a task whose waits set errno it returns -ECANCELED.
int wait_for_descriptor(int fd, short events, time_point deadline);

}  // namespace detail
WEFT_NAMESPACE_END
