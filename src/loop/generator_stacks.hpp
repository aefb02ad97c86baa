// SPDX-License-Identifier: BSL-1.0
// The stacks of a thread's generators, and what stands for the running fiber where there is none.
// Layer: loop, which must know when it is entered in a generator's body. Not the loop's own: a
// generator may outlive its loop, and needs none.
#pragma once

#include <cstddef>

#include "../stack/stack_pool.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Shared by the thread and each stack that is out: a generator with static storage may be the last.
struct generator_stacks {
  // As many idle stacks are kept as a program has generators that come and go together.
  static constexpr std::size_t cached = 16;

  stack_pool pool{nullptr, WEFT_DEFAULT_STACK_BYTES, cached};
  fiber plain;  // of it, `bound` and `innermost` are used
  std::size_t users = 0;
};

// This thread's.  Throws: std::bad_alloc.
generator_stacks& stacks_of_thread();

// The stack of the generator whose body runs, on a plain thread; nullptr if none does.
const stack* plain_generator_stack() noexcept;

// One user less; on the thread of its stacks.
void drop_user(generator_stacks& stacks) noexcept;

}  // namespace detail
WEFT_NAMESPACE_END
