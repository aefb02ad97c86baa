// SPDX-License-Identifier: BSL-1.0
// Waiting until a descriptor is readable or writable. Layer: loop. One wait a direction.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/descriptor_wait.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;
struct descriptor_slot;

// Parks the running fiber (on a plain thread: blocks) until `fd` is ready for one of `events`
// (POLLIN, POLLOUT, POLLRDHUP) or the deadline has passed. What happened, as poll(2) tells it; 0:
// too late; -errno: EBADF, also if it is closed meanwhile by weft; EPERM (a regular file is always
// ready and cannot be waited for), EEXIST (another fiber waits for that already), ENOMEM, ENOSPC.
// Throws: cancelled; in a task whose waits set errno it returns -ECANCELED.
int wait_for_descriptor(int fd, short events, time_point deadline);

// The same for a descriptor that weft owns, whose slot says that a call would not succeed now.
// 0 when one may; else -errno, as above. Precondition: a fiber of `here` runs.
int wait_for_owned(loop& here, int fd, std::uint32_t id, direction way);

// The same until its peer has closed: POLLRDHUP, POLLHUP or POLLERR, or -errno.
int wait_for_hangup(loop& here, int fd, std::uint32_t id);

// What the kernel says at this moment, as poll(2) tells it; 0 if it has nothing; -EBADF.
WEFT_API int ask_for_descriptor(int fd, short events) noexcept;

// The same for a fiber that selects; also -ENOMEM and -EPERM (of a number from elsewhere: as above).
// Unless it `must_ask`, it trusts what was said of weft's own at the last look.
// Precondition: a fiber runs.
int look_at_descriptor(descriptor_key what, direction way, bool must_ask) noexcept;

// Puts `self` where the next event of the descriptor finds it. 0, with the use of the number at
// which it stands; or -errno, as wait_for_descriptor(): it stands nowhere. EEXIST only unless it
// `may_share` the direction with others.
// Precondition: a fiber runs.
int stand_at_descriptor(descriptor_key what, direction way, descriptor_wait& self,
                        std::uint32_t& use_id, bool may_share = false) noexcept;

// Takes it away again, also if the event has done so already, or the use is over.
void leave_descriptor(int fd, std::uint32_t use_id, const descriptor_wait& self) noexcept;

// Tells the running loop, or the thread's guests between their steps, that weft is about to close
// `fd`: who waits for it gets EBADF. `id`: of an owned descriptor; 0: anybody's.
void forget_descriptor(int fd, std::uint32_t id) noexcept;

// Blocks the thread as wait_for_descriptor() does where no fiber runs.
WEFT_API int block_for_descriptor(int fd, short events, time_point deadline) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
