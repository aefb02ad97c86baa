// SPDX-License-Identifier: BSL-1.0
// What becomes of loops in a child of fork(). Layer: loop.
//
// A child has a copy of every fiber, timer and waiting descriptor, but its loops would act on the
// parent's kernel objects, so they stand still: exec and _exit need nothing, what does not wait
// works, and whatever would wait, spawn or post on such a loop throws std::logic_error, which says
// so. Where nothing can be thrown (the end of a fiber's body, a task group's end, a wait inside a
// destructor that an exception runs) the child ends with that message. Destroying a task's handle
// leaves the copy alone. Loops of other threads stay that way: their threads are the parent's.
//
// A loop that the child makes itself, on a thread that runs none, needs no call. Children made by
// posix_spawn() and vfork() share nothing of this; _Fork() and a raw clone() are not noticed.
// Descriptors are shared with the parent as ever: what one of the two reads, the other one does
// not.
#pragma once

#include <cstdint>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN

// What a child does with the fibers that it has inherited on its thread.
enum class inherited_fibers : std::uint8_t {
  // All go on, each a second time: as after libuv's uv_loop_fork() or in gevent. Cancel those that
  // only the parent should run. A wait for another thread of the parent (to_thread(), await() of a
  // future) has no end but a cancel.
  go_on,
  // None ever runs again, nor is destroyed; the caller goes on as a plain thread on its stack, and
  // may weft::run() a loop of its own: as asyncio does. Its fiber's function must not return (main
  // may): end the child by _exit() or exec.
  stay_behind,
};

// Tells the calling thread's loops that this process is a child of fork(): each gets a new poller,
// in which its descriptors are registered anew, or is given up. Does nothing where no loop was
// inherited, so also in the parent.
// Parks: never.  Calls from: fiber, and the thread that forked, between runs or steps.
// Throws: std::system_error if the system refuses a descriptor, and may then be called again;
// std::logic_error for go_on after a handle was destroyed in the child: its task would go on
// without what it refers to.
WEFT_API void after_fork_child(inherited_fibers what = inherited_fibers::go_on);

WEFT_NAMESPACE_END
