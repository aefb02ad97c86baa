// SPDX-License-Identifier: BSL-1.0
// Waits of C functions that stand before the C library's (src/hook). Layer: loop. They never throw:
// C frames have no cleanup. They end as system calls do: with a result, or with -errno.
//
//   -ECANCELED  a cancel is visible here; so does each further wait, until its region is left
//   -EINTR      a signal handler without SA_RESTART ran on this thread meanwhile
//
// Several fibers may wait for the same direction of a descriptor, as threads may.
#pragma once

#include <poll.h>

#include <cstddef>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/wait_type.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;

// Waits until one of the descriptors may be ready for what its `events` ask, as poll(2) has it, or
// the deadline has passed. 1: ask the kernel what is true; 0: too late; -ECANCELED, -EINTR, -EBADF
// if one is closed meanwhile or is not open, -EPERM if one is always ready, -ENOMEM, -ENOSPC.
// Precondition: a fiber of `here` runs. As for all below.
WEFT_API int wait_hooked(loop& here, const pollfd* first, std::size_t count,
                         time_point deadline) noexcept;
WEFT_API int wait_hooked(loop& here, int fd, short events, time_point deadline) noexcept;

// Sleeps. 0, -ECANCELED or -EINTR.
WEFT_API int sleep_hooked(loop& here, time_point deadline, bool is_cancellable = true) noexcept;

// Wakes those who wait so, with -EINTR.
void interrupt_hooked_waits(loop& here) noexcept;

// Says that a handler without SA_RESTART has run on the calling thread.
// Calls from: that signal handler.
WEFT_API void note_interruption() noexcept;

// Tells all loops of the process that the numbers from `first` to `last` were closed, or refer to
// something else since: waits for what was there end with -EBADF. Cheap where nobody waits.
// Calls from: any thread, after the close.
WEFT_API void note_closed(int first, int last) noexcept;

// True if a fiber of some loop may be waiting for this number.
WEFT_API bool is_waited_for_anywhere(int fd) noexcept;

// Tells the running loop's fibers that wait for `fd` that it is about to be closed: -EBADF.
WEFT_API void note_closing(int fd) noexcept;

// What is counted for is_waited_for_anywhere().
void count_waits(int fd, int change) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
