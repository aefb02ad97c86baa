// SPDX-License-Identifier: BSL-1.0
// Acting on a task whose loop runs on another thread: by message. Layer: task. Called by task.cpp
// once it knows that the task is not of this thread's running loop.
#pragma once

#include <string_view>

#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Waits for the end.  Throws: cancelled, with nothing left behind.
bool remote_join(fiber& record, time_point deadline = time_point::max());

// Cancels and waits for the end, whatever happens to the caller.
void remote_cancel_and_join(fiber& record) noexcept;
void remote_join_noexcept(fiber& record) noexcept;

// Sends a cancel.  Throws: std::bad_alloc.
void remote_cancel(fiber& record, std::string_view reason);

// Gives up the handle. A result that is there already is destroyed on a stack of the task's loop.
// Throws: std::bad_alloc.
void remote_detach(fiber& record);

// Hands an ended record back to its loop, or to the memory that the loop left behind.
void remote_free(fiber& record) noexcept;

// Starts `callback` once `record` has ended. False: the loop has ended, and cannot run it.
bool remote_start_after(fiber& record, fiber& callback) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
