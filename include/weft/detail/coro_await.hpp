// SPDX-License-Identifier: BSL-1.0
// A fiber in the place of a coroutine that co_awaits: what counts as awaitable, and the steps of
// [expr.await] with a fiber's frame for the coroutine's. Layer: sync. Under weft/coro.hpp; C++20.
#pragma once

#include <coroutine>
#include <future>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/foreign_wait.hpp"
#include "weft/detail/future_state.hpp"
#include "weft/detail/resumable.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/errors.hpp"
#include "weft/future.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class T>
inline constexpr bool is_coroutine_handle = false;
template <class P>
inline constexpr bool is_coroutine_handle<std::coroutine_handle<P>> = true;

template <class T>
inline constexpr bool is_std_future = false;
template <class T>
inline constexpr bool is_std_future<std::future<T>> = true;
template <class T>
inline constexpr bool is_std_future<std::shared_future<T>> = true;

template <class T>
inline constexpr bool is_weft_handle = false;
template <class T>
inline constexpr bool is_weft_handle<task<T>> = true;
template <class T>
inline constexpr bool is_weft_handle<future<T>> = true;

template <class R>
concept suspend_answer =
    std::is_void_v<R> || std::is_same_v<R, bool> || is_coroutine_handle<std::remove_cvref_t<R>>;

template <class A>
concept awaiter = requires(A& a, std::coroutine_handle<> h) {
  {a.await_ready() ? true : false};
  { a.await_suspend(h) } -> suspend_answer;
  a.await_resume();
};

template <class A>
concept has_member_co_await = requires(A&& a) {
  std::forward<A>(a).operator co_await();
};
template <class A>
concept has_free_co_await = requires(A&& a) {
  operator co_await(std::forward<A>(a));
};

// What the operand of co_await waits by, as [expr.await] finds it.
template <class A>
decltype(auto) awaiter_of(A&& x) {
  if constexpr (has_member_co_await<A>) {
    return std::forward<A>(x).operator co_await();
  } else if constexpr (has_free_co_await<A>) {
    return operator co_await(std::forward<A>(x));
  } else {
    return std::forward<A>(x);
  }
}

template <class A>
concept awaitable = !is_std_future<std::remove_cvref_t<A>> &&
                    awaiter<std::remove_reference_t<decltype(awaiter_of(std::declval<A>()))>>;

template <class A>
concept foreign_awaitable = awaitable<A> && !is_weft_handle<std::remove_cvref_t<A>>;

template <class A>
struct awaited {};
template <foreign_awaitable A>
struct awaited<A> {
  using as_is = decltype(awaiter_of(std::declval<A>()).await_resume());
  // What an rvalue reference refers to may lie in the awaiter, which ends with the call.
  using type =
      std::conditional_t<std::is_rvalue_reference_v<as_is>, std::remove_cvref_t<as_is>, as_is>;
};
template <class A>
using awaited_t = typename awaited<A>::type;

// False if the wait was over before it began.
template <class Awaiter>
bool suspend_on(Awaiter& what, std::coroutine_handle<> self) {
  using answer = decltype(what.await_suspend(self));
  if constexpr (std::is_void_v<answer>) {
    what.await_suspend(self);
    return true;
  } else if constexpr (std::is_same_v<answer, bool>) {
    return what.await_suspend(self);
  } else {
    what.await_suspend(self).resume();  // here, and it comes back when it waits or has resumed us
    return true;
  }
}

// `stop` nullptr: the wait goes on when the fiber is cancelled.
template <class A, class Stop>
awaited_t<A> await_foreign(A&& x, Stop&& stop) {
  loop_core* const here = fibers_loop();
  decltype(auto) what = awaiter_of(std::forward<A>(x));
  bool was_stopped = false;
  if (what.await_ready()) {
    spend_of(here);
  } else {
    if (here != nullptr) throw_if_cancelled(*here);  // nothing has begun
    resumable self;
    const bool is_suspended =
        suspend_on(what, std::coroutine_handle<>::from_address(self.address()));
    if (!is_suspended || self.done().has_arrived()) {
      spend_of(here);
    } else if constexpr (std::is_null_pointer_v<std::remove_cvref_t<Stop>>) {
      self.done().wait(coroutine_wait);
    } else {
      was_stopped = wait_or_stop(self.done(), coroutine_wait, std::forward<Stop>(stop));
    }
    if (self.was_destroyed()) {
      throw_future_error(static_cast<int>(std::future_errc::broken_promise));
    }
  }
  if (!was_stopped) return what.await_resume();
  try {
    return what.await_resume();
  } catch (const cancelled&) {
    throw;
  } catch (...) {
    throw_cancelled(*here);
  }
}

}  // namespace detail
WEFT_NAMESPACE_END
