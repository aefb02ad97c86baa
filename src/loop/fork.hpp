// SPDX-License-Identifier: BSL-1.0
// The loops of this process, for the child of a fork(). Layer: loop. Loops enter as they are made
// and leave as they end; a fork() in between marks each in the child (loop::become_inherited), by
// handlers of pthread_atfork(), so that nothing has to ask whose process this is.
#pragma once

#include <functional>
#include <string>

#include "shared_side.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/list.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class loop;
struct stack;

// A loop's place in the list; linked while shared_side and poller are there.
struct loop_link : list_node {
  loop* of = nullptr;
};

void note_loop(loop_link& made);
void forget_loop(loop_link& ending) noexcept;

// Calls f(loop&) for each loop, of whichever thread, while it cannot end. What f touches must be
// made for that: a loop's shared_side is.
void for_each_loop(const std::function<void(loop&)>& f) noexcept;

// "CALL in a child of fork(): ...".  Throws: std::bad_alloc.
std::string refusal_in_child(const shared_side& side, const std::string& call);

// Throws std::logic_error if the loop is the parent process's.
void refuse_in_child(const shared_side& side, const char* call);

// Where a thread stands that has left its fibers behind; nullptr for all others.
const stack* stack_left_on() noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
