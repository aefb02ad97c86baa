// SPDX-License-Identifier: BSL-1.0
// Where each thread's generators find their stacks.
#include "generator_stacks.hpp"

#include "weft/detail/compiler.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

struct holder {
  generator_stacks* held = nullptr;
  bool is_over = false;  // the thread is ending: what is made now belongs to its stacks alone

  ~holder() {
    is_over = true;
    if (held != nullptr) drop_user(*held);
    held = nullptr;
  }
};

thread_local holder of_thread;

}  // namespace

WEFT_NOINLINE generator_stacks& stacks_of_thread() {
  if (of_thread.held != nullptr) return *of_thread.held;
  auto* const made = new generator_stacks;
  if (of_thread.is_over) return *made;
  made->users = 1;
  of_thread.held = made;
  return *made;
}

WEFT_NOINLINE const stack* plain_generator_stack() noexcept {
  return of_thread.held != nullptr ? of_thread.held->plain.bound : nullptr;
}

void drop_user(generator_stacks& stacks) noexcept {
  if (--stacks.users == 0) delete &stacks;
}

}  // namespace detail
WEFT_NAMESPACE_END
