// SPDX-License-Identifier: BSL-1.0
// The user's callable and its result inside a fiber's record. Layer: fiber. Built by spawn(), read
// by task::get(); small pairs lie in the record itself, large ones in one heap block.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct nothing {};  // the stored result of a void body

template <class T>
using stored = std::conditional_t<
    std::is_void_v<T>, nothing,
    std::conditional_t<std::is_reference_v<T>, std::remove_reference_t<T>*, std::remove_cv_t<T>>>;

// The result's place comes first, so that a task<T> finds it without knowing the callable.
template <class T>
struct result_slot {
  union {
    stored<T> value;
  };
  result_slot() noexcept {}
  ~result_slot() {}
};

template <class T, class F, class... A>
struct payload : result_slot<T> {
  using bound = std::tuple<F, A...>;
  union {
    bound call;
  };

  template <class G, class... B>
  explicit payload(std::in_place_t, G&& f, B&&... args)
      : call(std::forward<G>(f), std::forward<B>(args)...) {}
  ~payload() {}

  static constexpr bool fits() noexcept {
    return sizeof(payload) <= fiber::inline_bytes && alignof(payload) <= alignof(std::max_align_t);
  }

  static payload& of(fiber& self) noexcept { return *static_cast<payload*>(self.payload); }

  static void run(fiber& self) {
    payload& here = of(self);
    auto invoke = [](F& f, A&... args) -> T {
      return std::invoke(std::move(f), std::move(args)...);
    };
    if constexpr (std::is_void_v<T>) {
      std::apply(invoke, here.call);
      ::new (static_cast<void*>(std::addressof(here.value))) nothing{};
    } else if constexpr (std::is_reference_v<T>) {
      here.value = std::addressof(std::apply(invoke, here.call));
    } else {
      ::new (static_cast<void*>(std::addressof(here.value)))
          stored<T>(std::apply(invoke, here.call));
    }
  }

  static void drop_callable(fiber& self) noexcept { of(self).call.~bound(); }

  static void drop_result(fiber& self) noexcept {
    using value_type = stored<T>;
    of(self).value.~value_type();
  }

  static void drop_block(fiber& self) noexcept {
    if constexpr (!fits()) delete &of(self);
  }

  // Null where there is nothing to do: an indirect call each, saved for most callables.
  static constexpr fiber_ops ops{
      &run, std::is_trivially_destructible_v<bound> ? nullptr : &drop_callable,
      std::is_trivially_destructible_v<stored<T>> ? nullptr : &drop_result,
      fits() ? nullptr : &drop_block};
};

// Constructs callable and arguments in `record`; on a throw the record is as before.
template <class T, class F, class... A>
void emplace_payload(fiber& record, F&& f, A&&... args) {
  using p = payload<T, std::decay_t<F>, std::decay_t<A>...>;
  if constexpr (p::fits()) {
    record.payload = ::new (static_cast<void*>(record.storage))
        p(std::in_place, std::forward<F>(f), std::forward<A>(args)...);
  } else {
    record.payload = new p(std::in_place, std::forward<F>(f), std::forward<A>(args)...);
  }
  record.ops = &p::ops;
}

// What a body that takes these arguments returns.
template <class F, class... A>
using result_of = std::invoke_result_t<std::decay_t<F>, std::decay_t<A>...>;

// The result of a fiber that ended with a value, moved out or copied.
template <class T>
result_slot<T>& slot_of(fiber& self) noexcept {
  return *static_cast<result_slot<T>*>(self.payload);
}

}  // namespace detail
WEFT_NAMESPACE_END
