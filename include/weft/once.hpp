// SPDX-License-Identifier: BSL-1.0
// std::call_once for fibers: who comes while another is at it parks. Layer: sync. std::call_once,
// and a function-local static whose initialiser waits, would stop or end the whole thread. For a
// value that is made on first use take lazy.
#pragma once

#include <functional>
#include <utility>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/once_core.hpp"
#include "weft/detail/sync_policy.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Lifetime: must outlive all who wait, which the destructor asserts.
template <class Policy>
struct basic_once_flag {
  once_core<Policy> core;
};

}  // namespace detail

using once_flag = detail::basic_once_flag<detail::any_thread>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
using once_flag = detail::basic_once_flag<detail::one_loop>;
}  // namespace local

// Calls f(args...), unless an earlier call with this flag has returned from it. While one is inside
// others wait; if it throws, the next of them calls its own f. After the first success this is one
// look, and no wait.
// Parks: may.  Calls from: fiber, any thread (which then blocks).
// Throws: what f throws; cancelled while it waits for another; std::logic_error if f itself calls
// it with the same flag.
template <class Policy, class F, class... A>
void call_once(detail::basic_once_flag<Policy>& flag, F&& f, A&&... args) {
  if (WEFT_LIKELY(flag.core.is_done()) || !flag.core.begin("call_once()")) return;
  detail::once_attempt<Policy> attempt(flag.core);
  std::invoke(std::forward<F>(f), std::forward<A>(args)...);
  attempt.succeed();
}

WEFT_NAMESPACE_END
