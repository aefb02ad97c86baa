// SPDX-License-Identifier: BSL-1.0
// Waiting for descriptors that a program has from elsewhere, by number. Layer: io. For those that
// weft opens, the classes in file_descriptor.hpp and tcp.hpp wait by themselves, for less.
//
// One fiber of a loop may wait for each direction of a descriptor; fibers of several loops may wait
// for the same, and all are told. A descriptor that is closed by ::close() while somebody waits for
// it is not noticed: the kernel says nothing. close_descriptor() does both, for this loop's fibers.
#pragma once

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// Waits until a read of `fd` would not block: data is there, or the end, or an error.
// Parks: may.  Calls from: fiber, any thread (which then blocks).
// Throws: cancelled; std::system_error: EBADF if `fd` is not open, or close_descriptor() closes it
// meanwhile; EPERM for a regular file or a directory, which are always ready; EEXIST if another
// fiber waits for it already; ECANCELED in a task whose waits set errno; ENOMEM, ENOSPC.
WEFT_API void wait_readable(int fd);

// The same for a write: there is room, or the peer is gone.
WEFT_API void wait_writable(int fd);

// The same until a deadline; false if it came first.
WEFT_API bool wait_readable_until(int fd, time_point deadline);
WEFT_API bool wait_writable_until(int fd, time_point deadline);

// Closes a descriptor, and ends the waits of this loop's fibers for it with EBADF.
// Parks: never.  Calls from: fiber, any thread.
// Throws: std::system_error: EBADF if it is not open; EIO, ENOSPC, EDQUOT: closed, but the file
// system could not keep what was written. Source: close(2).
WEFT_API void close_descriptor(int fd);

WEFT_NAMESPACE_END
