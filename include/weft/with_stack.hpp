// SPDX-License-Identifier: BSL-1.0
// Runs one call on a larger stack, inside the same fiber: for the one deep function of an otherwise
// shallow task. Layer: loop.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Calls call(argument) on a stack of at least `bytes`; src/loop/with_stack.cpp.
WEFT_API void call_with_stack(std::size_t bytes, const spawn_site& site, void (*call)(void*),
                              void* argument);

}  // namespace detail

// Calls f() on a stack of at least `bytes` from the loop's pool and returns what f returns; an
// exception of f comes out as it is. It is the same fiber: f may wait, spawn, and be cancelled, and
// other fibers run meanwhile. Calls nest. Not needed where spawn_options::stack_bytes can be set.
// The stack is taken even if the present one has that much left, so that what f needs does not
// depend on who calls it. The next call gets the same stack again: 26 ns for a call and return (g++
// 12 -O2). Sizes are rounded up to a power of two; pages are committed on use.
// Parks: may, in f.  Calls from: fiber, main included.
// Throws: what f throws; std::logic_error without a running loop, for an impossible size, and on
// processors other than x86-64 and AArch64; std::bad_alloc, before f is called, if there is no
// memory for the stack.
// Lifetime: f's locals lie on the larger stack, which is gone when the call returns; references to
// the caller's locals are good inside.
template <class F>
auto with_stack(std::size_t bytes, F&& f, detail::spawn_site site = detail::spawn_site::here())
    -> decltype(std::forward<F>(f)()) {
  using result = decltype(std::forward<F>(f)());
  if constexpr (std::is_void_v<result>) {
    struct frame {
      F&& f;  // a reference: f may be a plain function, which has no object to point at
    } here{std::forward<F>(f)};
    detail::call_with_stack(
        bytes, site, [](void* to) { std::forward<F>(static_cast<frame*>(to)->f)(); }, &here);
  } else if constexpr (std::is_reference_v<result>) {
    struct frame {
      F&& f;
      std::remove_reference_t<result>* value;
    } here{std::forward<F>(f), nullptr};
    detail::call_with_stack(
        bytes, site,
        [](void* to) {
          frame& out = *static_cast<frame*>(to);
          auto&& value = std::forward<F>(out.f)();
          out.value = std::addressof(value);
        },
        &here);
    return static_cast<result>(*here.value);
  } else {
    struct frame {
      F&& f;
      std::optional<std::remove_cv_t<result>> value;
    } here{std::forward<F>(f), std::nullopt};
    detail::call_with_stack(
        bytes, site,
        [](void* to) {
          frame& out = *static_cast<frame*>(to);
          out.value.emplace(std::forward<F>(out.f)());
        },
        &here);
    return *std::move(here.value);
  }
}

WEFT_NAMESPACE_END
