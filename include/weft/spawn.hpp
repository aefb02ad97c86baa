// SPDX-License-Identifier: BSL-1.0
// Starts an ordinary function as a task of the running loop. Layer: task.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/park.hpp"
#include "weft/detail/payload.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN

// What one task may have of its own. `{"reader"}` names it.
struct spawn_options {
  std::string name = {};        // in messages and dumps
  std::size_t stack_bytes = 0;  // 0: options::stack_bytes of the loop; less than the minimum
                                // (about 20 KiB, by the machine) is raised to it
  bool daemon = false;          // in a task_group: cancelled when the last ordinary child has ended
  bool eager = false;           // runs at once, inside spawn(), until its first wait
  on_cancel cancel = on_cancel::throws;
};

namespace detail {

// Moves the callable into a fresh record and queues it.
template <class F, class... A>
task<result_of<F, A...>> start_task(loop_core& here, fiber& record, F&& f, A&&... args) {
  record_guard made(record);
  emplace_payload<result_of<F, A...>>(record, std::forward<F>(f), std::forward<A>(args)...);
  made.release();
  record.has_handle = true;
  start_fiber(here, record);
  return task<result_of<F, A...>>(record);
}

// A fresh record with what the options say, but daemon and eager.
WEFT_API fiber& new_fiber_with(loop_core& here, const spawn_site& site, spawn_options&& how);

template <class F, class... A>
task<result_of<F, A...>> spawn_at(const spawn_site& site, F&& f, A&&... args) {
  loop_core& here = loop_or_throw("spawn()");
  return start_task(here, take_record(here, site), std::forward<F>(f), std::forward<A>(args)...);
}

// The same with options.
template <class F, class... A>
task<result_of<F, A...>> spawn_with(const spawn_site& site, spawn_options how, F&& f, A&&... args) {
  loop_core& here = loop_or_throw("spawn()");
  const bool is_eager = how.eager;
  fiber& record = new_fiber_with(here, site, std::move(how));
  if (WEFT_LIKELY(!is_eager)) {
    return start_task(here, record, std::forward<F>(f), std::forward<A>(args)...);
  }
  using T = result_of<F, A...>;
  record_guard made(record);
  emplace_payload<T>(record, std::forward<F>(f), std::forward<A>(args)...);
  made.release();
  record.has_handle = true;
  task<T> result(record);
  start_eagerly(here, record);
  return result;
}

template <class X>
inline constexpr bool is_spawn_detail =
    std::is_same_v<std::decay_t<X>, spawn_site> || std::is_same_v<std::decay_t<X>, spawn_options>;

}  // namespace detail

// Starts f() as a task: it runs once the caller parks, behind what is ready, in order of spawn.
// f and the arguments are copied or moved into the task, as std::thread does; std::ref passes a
// reference. The result is what f returns, taken by task::get().
// Parks: never.  Calls from: fiber.
// Throws: std::logic_error outside a loop or for an impossible stack size; std::bad_alloc for the
// record; what copying f and the arguments throws. A stack that cannot be had when the task first
// runs ends the task with std::bad_alloc, rethrown by its get().
template <class F, std::enable_if_t<!detail::is_spawn_detail<F>, int> = 0>
[[nodiscard]] task<detail::result_of<F>> spawn(
    F&& f, detail::spawn_site site = detail::spawn_site::here()) {
  return detail::spawn_at(site, std::forward<F>(f));
}

// The same with a name or a stack size: spawn({"reader"}, f).
template <class F>
[[nodiscard]] task<detail::result_of<F>> spawn(
    spawn_options how, F&& f, detail::spawn_site site = detail::spawn_site::here()) {
  return detail::spawn_with(site, std::move(how), std::forward<F>(f));
}

// The same with arguments. A pack leaves no room for the caller's line, so dumps show an address.
template <class F, class A0, class... A,
          std::enable_if_t<!detail::is_spawn_detail<F> && !detail::is_spawn_detail<A0>, int> = 0>
[[nodiscard]] task<detail::result_of<F, A0, A...>> spawn(F&& f, A0&& arg, A&&... args) {
  return detail::spawn_at(detail::spawn_site{detail::code_address(), 0}, std::forward<F>(f),
                          std::forward<A0>(arg), std::forward<A>(args)...);
}

template <class F, class A0, class... A, std::enable_if_t<!detail::is_spawn_detail<A0>, int> = 0>
[[nodiscard]] task<detail::result_of<F, A0, A...>> spawn(spawn_options how, F&& f, A0&& arg,
                                                         A&&... args) {
  return detail::spawn_with(detail::spawn_site{detail::code_address(), 0}, std::move(how),
                            std::forward<F>(f), std::forward<A0>(arg), std::forward<A>(args)...);
}

WEFT_NAMESPACE_END
