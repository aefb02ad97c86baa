// SPDX-License-Identifier: BSL-1.0
// Several things at once, the first one counts. Layer: task. For all results use gather().
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/gather_wait.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN

// What race() does with the results of losers that were done all the same: see discard().
template <class H>
struct discard_hook {
  H call;
};

// Wraps a callable that takes the result of any loser that also ended with a value, so that a
// connection or descriptor in it is not lost: race(discard([](auto&& late) { ... }), f, g). It runs
// in the caller's fiber, after all have ended. Without one, such results are destroyed.
template <class H>
discard_hook<std::decay_t<H>> discard(H&& hook) {
  return {std::forward<H>(hook)};
}

namespace detail {

template <class X>
inline constexpr bool is_discard_hook = false;
template <class H>
inline constexpr bool is_discard_hook<discard_hook<H>> = true;

struct no_hook {
  template <class T>
  void operator()(T&&) const noexcept {}
};

// Takes one racer's result: the winner's into its place of the variant, a loser's to the hook.
template <std::size_t I, class T, class Variant, class H>
void take_racer(std::optional<Variant>& won, fiber& record, bool is_winner, H& hook) {
  if (is_winner) {
    won.emplace(std::in_place_index<I>, gather_take<T>(record, false));
    return;
  }
  if constexpr (!std::is_same_v<H, no_hook> && !std::is_void_v<T>) {
    if (record.outcome != fiber_outcome::value || record.is_result_taken) return;
    record.is_result_taken = true;
    if constexpr (std::is_reference_v<T>) {
      hook(*slot_of<T>(record).value);
    } else {
      hook(std::move(slot_of<T>(record).value));
    }
  }
}

template <class H, class... X, std::size_t... I>
auto race_all(std::index_sequence<I...>, H& hook, X&... all) {
  using result = std::variant<gathered<typename gather_input<X>::type>...>;
  static_assert(sizeof...(X) > 0, "race() needs someone to race");
  loop_core& here = require_loop("race()");
  std::tuple<typename gather_input<X>::handle...> handles{gather_input<X>::make(all)...};
  std::array<fiber*, sizeof...(X)> records{std::get<I>(handles)->record()...};
  const std::size_t winner = race_wait(here, records.data(), records.size());
  std::optional<result> won;
  (take_racer<I, typename gather_input<X>::type>(won, *records[I], I == winner, hook), ...);
  return result(std::move(*won));
}

}  // namespace detail

// Runs all, returns the result of the first that ends (its index tells which), after it has
// cancelled the others and waited for them. Callables become tasks, started left to right, so that
// of several that end without a wait the leftmost wins; tasks may be given as lvalues or moved in.
// If the first to end fails, its error is rethrown. Being cancelled itself, race cancels all.
// Parks: may.  Calls from: fiber.
// Throws: the winner's error (task_cancelled if somebody else cancelled it); cancelled;
// std::logic_error as gather(); what a discard hook throws, after all have ended; std::bad_alloc.
template <class... X, std::enable_if_t<!(detail::is_discard_hook<std::decay_t<X>> || ...), int> = 0>
auto race(X&&... all) -> std::variant<detail::gathered<typename detail::gather_input<X>::type>...> {
  detail::no_hook hook;
  return detail::race_all<detail::no_hook, X...>(std::index_sequence_for<X...>{}, hook, all...);
}
template <class H, class... X>
auto race(discard_hook<H> hook, X&&... all)
    -> std::variant<detail::gathered<typename detail::gather_input<X>::type>...> {
  return detail::race_all<H, X...>(std::index_sequence_for<X...>{}, hook.call, all...);
}

WEFT_NAMESPACE_END
