// SPDX-License-Identifier: BSL-1.0
// Waiting until a descriptor is readable or writable. Layer: loop. One fiber a direction.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;
struct descriptor_slot;
enum class direction : std::uint8_t;

// Lies in the waiter's frame; its slot points at it meanwhile.
struct descriptor_wait {
  fiber* owner = nullptr;
  int happened = 0;  // POLLIN, POLLOUT, POLLERR, POLLHUP; or -errno
};

// Parks the running fiber (on a plain thread: blocks) until `fd` is ready for one of `events`
// (POLLIN, POLLOUT) or the deadline has passed. What happened, as poll(2) tells it; 0: too late;
// -errno: EBADF, also if it is closed meanwhile by weft; EPERM (a regular file is always ready and
// cannot be waited for), EEXIST (another fiber waits for that already), ENOMEM, ENOSPC.
// Throws: cancelled; in a task whose waits set errno it returns -ECANCELED.
int wait_for_descriptor(int fd, short events, time_point deadline);

// The same for a descriptor that weft owns, whose slot says that a call would not succeed now.
// 0 when one may; else -errno, as above. Precondition: a fiber of `here` runs.
int wait_for_owned(loop& here, int fd, std::uint32_t id, direction way);

// Tells the running loop, or the thread's guests between their steps, that weft is about to close
// `fd`: who waits for it gets EBADF. `id`: of an owned descriptor; 0: anybody's.
void forget_descriptor(int fd, std::uint32_t id) noexcept;

// Blocks the thread as wait_for_descriptor() does where no fiber runs.
int block_for_descriptor(int fd, short events, time_point deadline) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
