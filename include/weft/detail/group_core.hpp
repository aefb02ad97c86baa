// SPDX-License-Identifier: BSL-1.0
// A task group without its types: its children, what failed, and the scope around its body.
// Layer: task. Lies in with_task_group()'s frame; nobody but the owner's loop touches it.
#pragma once

#include <cstddef>
#include <exception>
#include <string_view>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/scope.hpp"
#include "weft/exception_group.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct WEFT_API group_core : fiber_parent {
  group_core() noexcept;

  fiber* owner = nullptr;  // runs the body and waits for the children
  scope around;            // of the body: a failure and cancel() end its wait
  list ordinary;           // children that have not ended, through fiber::message
  list daemons;            // those that end with the last ordinary one
  std::vector<exception_group::entry> errors;  // in the order of their failure
  std::size_t size = 0;                        // of both lists
  bool is_waiting = false;                     // the owner is parked until lists are empty
  bool is_closed = false;                      // joined: takes no more children
};

// Called once, before the body.  Throws: std::logic_error outside a loop.
WEFT_API void open_group(group_core& group);

// Takes a record in that has its payload and has not started; daemon or not.
WEFT_API void adopt_child(group_core& group, fiber& child, bool is_daemon);

// Cancels the children and what the body waits for.
WEFT_API void cancel_group(group_core& group, std::shared_ptr<const std::string> reason) noexcept;

// Waits for all children as a wait of the body: throws if it is cancelled. Then closes.
WEFT_API void join_group(group_core& group);

// The body was left, normally or by `error` (nullptr: normally). Waits for all, leaves the scope,
// and throws what is to be thrown. Returns if nothing is; true if the body's `cancelled` was the
// group's own.
WEFT_API bool close_group(group_core& group, std::exception_ptr error);

// Throws std::logic_error if no child can be taken in.
WEFT_API void require_open(const group_core& group, const char* call);

[[noreturn]] WEFT_API void throw_no_result();

// Where task_group::start() waits for its child's started(): in start()'s frame, which is not left
// before the child has called it or ended.
struct start_room {
  group_core* group = nullptr;
  fiber* child = nullptr;
  fiber* waiting = nullptr;
  bool is_started = false;
};

// Starts the child and waits. Returns when it has started.
// Throws: what ended the child before; cancelled; std::logic_error if it returned without a word.
WEFT_API void await_started(start_room& room, fiber& child);
WEFT_API void require_unstarted(const start_room* room);
WEFT_API void note_started(start_room& room) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
