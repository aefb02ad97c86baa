// SPDX-License-Identifier: BSL-1.0
// Several things at once, all of their results together. Layer: task. Takes tasks and callables;
// the first error cancels the rest, waits for them, and is rethrown as it is.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <iterator>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "weft/detail/check.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/gather_wait.hpp"
#include "weft/outcome.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class X>
struct task_value {
  static constexpr bool is_task = false;
};
template <class T>
struct task_value<task<T>> {
  static constexpr bool is_task = true;
  using type = T;
};

template <class X>
inline constexpr bool is_task = task_value<std::decay_t<X>>::is_task;

template <class X, class = void>
inline constexpr bool is_range = false;
template <class X>
inline constexpr bool is_range<X, std::void_t<decltype(std::begin(std::declval<X&>())),
                                              decltype(std::end(std::declval<X&>()))>> = true;

// How many there will be; 0 if only a pass over them can tell.
template <class R>
auto size_of_range(R& range, int) -> decltype(std::end(range) - std::begin(range), std::size_t()) {
  return static_cast<std::size_t>(std::end(range) - std::begin(range));
}
template <class R>
std::size_t size_of_range(R&, long) {
  return 0;
}

// The handle that gather works with: a task is used where it is, a callable becomes a task.
template <class X, bool = is_task<X>>
struct gather_input {
  using type = typename task_value<std::decay_t<X>>::type;
  static_assert(!std::is_const_v<std::remove_reference_t<X>>,
                "gather() takes the results out of its tasks: give it tasks that are not const");
  using handle = std::decay_t<X>*;
  static handle make(X& given, const spawn_site& = {}) { return std::addressof(given); }
};
template <class X>
struct gather_input<X, false> {
  using type = result_of<X>;
  struct handle {
    task<type> owned;
    task<type>* operator->() noexcept { return &owned; }
  };
  static handle make(X& given, const spawn_site& site = {}) {
    return {spawn_at(site, std::forward<X>(given))};
  }
};

template <class T>
using gathered =
    std::conditional_t<std::is_void_v<T>, std::monostate,
                       std::conditional_t<std::is_reference_v<T>,
                                          std::reference_wrapper<std::remove_reference_t<T>>, T>>;

// Results are moved out, but for a task that stands again further on: that one is copied.
template <class T>
gathered<T> gather_take(fiber& record, bool again) {
  if constexpr (std::is_void_v<T>) {
    return {};
  } else if constexpr (std::is_reference_v<T>) {
    return std::ref(*slot_of<T>(record).value);
  } else {
    if (!again) return std::move(slot_of<T>(record).value);
    if constexpr (std::is_copy_constructible_v<T>) {
      return slot_of<T>(record).value;
    } else {
      misuse("gather() was given " + describe(record) +
             " twice, but its result cannot be copied; pass it once");
    }
  }
}

// gather(): all values, or the first error.
struct all_values {
  static constexpr const char* call = "gather()";
  static constexpr auto wait = &gather_wait;
  template <class T>
  using taken = gathered<T>;
  template <class T>
  static taken<T> take(fiber& record, bool again) {
    return gather_take<T>(record, again);
  }
};

// gather_settled(): of each, how it ended.
struct all_outcomes {
  static constexpr const char* call = "gather_settled()";
  static constexpr auto wait = &settle_wait;
  template <class T>
  using taken = outcome<gathered<T>>;
  template <class T>
  static taken<T> take(fiber& record, bool again) {
    if (record.outcome == fiber_outcome::value) return taken<T>(gather_take<T>(record, again));
    return taken<T>(error_of_end(record));
  }
};

template <class How, class X>
using taken_from = typename How::template taken<typename gather_input<X>::type>;

template <class How, class... X>
auto gather_each(X&&... all) -> std::tuple<taken_from<How, X>...> {
  loop_core& here = require_loop(How::call);
  // Braces: handles are made, and results taken, left to right.
  std::tuple<typename gather_input<X>::handle...> handles{gather_input<X>::make(all)...};
  std::array<fiber*, sizeof...(X)> records = std::apply(
      [](auto&... h) { return std::array<fiber*, sizeof...(X)>{h->record()...}; }, handles);
  gather_nodes nodes;
  How::wait(here, records.data(), nodes, records.size());
  [[maybe_unused]] std::size_t at = 0;
  [[maybe_unused]] auto take = [&](auto type) {
    const std::size_t i = at++;
    return How::template take<typename decltype(type)::type>(*records[i], nodes.stands_again(i));
  };
  return std::tuple<taken_from<How, X>...>{take(gather_type<typename gather_input<X>::type>{})...};
}

template <class How, class R>
auto gather_range(R&& range, const spawn_site& site) {
  using input = gather_input<std::remove_reference_t<decltype(*std::begin(range))>&>;
  using T = typename input::type;
  loop_core& here = require_loop(How::call);
  std::vector<typename input::handle> handles;
  std::vector<fiber*> records;
  const std::size_t count = size_of_range(range, 0);
  handles.reserve(count);
  records.reserve(count);
  for (auto& one : range) {
    handles.push_back(input::make(one, site));
    records.push_back(handles.back()->record());
  }
  gather_nodes nodes;
  How::wait(here, records.data(), nodes, records.size());
  std::vector<typename How::template taken<T>> results;
  results.reserve(records.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    results.push_back(How::template take<T>(*records[i], nodes.stands_again(i)));
  }
  return results;
}

}  // namespace detail

// Runs all and returns a tuple of their results in the order of the arguments (std::monostate for
// void, std::reference_wrapper for a reference). Callables become tasks, started left to right; a
// task may be given as lvalue (its result is moved out) or moved in. The first error cancels the
// others, waits for their end, and is rethrown; a task that somebody else cancelled counts as the
// error task_cancelled. Being cancelled itself, gather cancels all and waits for them.
// Parks: may.  Calls from: fiber.
// Throws: the first error; cancelled; std::logic_error outside a loop, for an empty handle, the
// calling task itself or a task of another loop; std::bad_alloc.
template <class... X, std::enable_if_t<sizeof...(X) != 1 || !(detail::is_range<X> && ...), int> = 0>
auto gather(X&&... all) -> std::tuple<detail::taken_from<detail::all_values, X>...> {
  return detail::gather_each<detail::all_values>(std::forward<X>(all)...);
}

// The same for a range of tasks or of callables; returns a vector in the range's order.
template <class R, std::enable_if_t<detail::is_range<R>, int> = 0>
auto gather(R&& range, detail::spawn_site site = detail::spawn_site::here()) {
  return detail::gather_range<detail::all_values>(std::forward<R>(range), site);
}

// The same, but waits for all whatever happens, and tells of each how it ended: asyncio's
// return_exceptions=True. A task that somebody cancelled gives the error task_cancelled.
// Parks: may.  Calls from: fiber.
// Throws: cancelled, after it has cancelled all and waited for them; std::logic_error as gather();
// std::bad_alloc.
template <class... X, std::enable_if_t<sizeof...(X) != 1 || !(detail::is_range<X> && ...), int> = 0>
auto gather_settled(X&&... all) -> std::tuple<detail::taken_from<detail::all_outcomes, X>...> {
  return detail::gather_each<detail::all_outcomes>(std::forward<X>(all)...);
}
template <class R, std::enable_if_t<detail::is_range<R>, int> = 0>
auto gather_settled(R&& range, detail::spawn_site site = detail::spawn_site::here()) {
  return detail::gather_range<detail::all_outcomes>(std::forward<R>(range), site);
}

WEFT_NAMESPACE_END
