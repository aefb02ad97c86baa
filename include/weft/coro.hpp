// SPDX-License-Identifier: BSL-1.0
// C++20 coroutines and fibers wait for each other: a fiber for any awaitable, a coroutine for
// tasks, futures and any other wait. Layer: sync. The only header that needs C++20.
//
// A fiber stays on its thread, and so does a coroutine that waits by this header on a loop: it goes
// on as a fiber of that loop, and may call what waits, as any function may. A coroutine that other
// libraries resume runs on the stack of whoever resumes it.
#pragma once

#if !defined(__cplusplus) || __cplusplus < 202002L
#error "weft/coro.hpp needs C++20 (-std=c++20); all other headers of weft need C++17"
#endif

#include <coroutine>

#ifndef __cpp_lib_coroutine
#error "weft/coro.hpp needs <coroutine>: clang before 17 has it by -D__cpp_impl_coroutine=201902L"
#endif

#include <concepts>
#include <type_traits>
#include <utility>

#include "weft/await.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/coro_await.hpp"
#include "weft/detail/coro_resume.hpp"
#include "weft/future.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN

// Waits in a fiber for anything that a coroutine could co_await, and returns its result: parks
// until x resumes what waits, by whichever thread. An rvalue reference comes back as a value. What
// is ready, or resumed before await_suspend() returns, is no wait. A task or future of weft is
// get().
// A cancel does not end the wait: x refers to this call until it resumes it. The result is
// returned, and the next wait throws `cancelled`. One that came before throws: x has not begun.
// Costs no allocation: the awaitable gets a coroutine handle to this call's own frame, which has no
// promise. So x's await_suspend() must take coroutine_handle<>.
// Parks: may.  Calls from: fiber, any thread (which then blocks).
// Throws: what x throws; cancelled; std::future_error (broken_promise) if the handle was destroyed
// instead of resumed.
template <detail::foreign_awaitable A>
detail::awaited_t<A> await(A&& x) {
  return detail::await_foreign(std::forward<A>(x), nullptr);
}
template <class A, std::enable_if_t<detail::is_weft_handle<std::remove_cvref_t<A>>, int> = 0>
auto await(A&& x) -> decltype(x.get()) {
  return x.get();
}

// The same for an awaitable that can be told to stop: if the fiber is cancelled during the wait,
// stop() is called once, in the fiber, and the wait goes on until x resumes it. If x then ends with
// a value, that is returned; if with any exception, `cancelled` is thrown in its place.
// Throws: as above; what stop() throws, after x has ended.
template <detail::foreign_awaitable A, std::invocable Stop>
detail::awaited_t<A> await(A&& x, Stop&& stop) {
  return detail::await_foreign(std::forward<A>(x), std::forward<Stop>(stop));
}

// Lets a coroutine of any kind wait for a task: `co_await t` is what t.get() would be. The
// coroutine goes on as a fiber of its own: of the loop on which it waited, else, on a plain thread,
// of the task's. A cancel of whoever runs the coroutine does not end the wait; cancel the task.
// A coroutine that is destroyed while it waits is not resumed; the task goes on, unless its handle
// goes with the coroutine. It must be destroyed where it would be resumed: on that loop's thread.
// Costs a callback's record and a heap block of 40 bytes; for a task of another loop, a fiber.
// Parks: never; who destroys the coroutine: may.  Calls from: any thread.
// Throws: as task<T>::get(), in the coroutine.  Lifetime: t outlives the wait.
template <class T>
[[nodiscard]] detail::task_awaiter<T> operator co_await(task<T>& t) noexcept {
  return detail::task_awaiter<T>(t);
}
template <class T>
[[nodiscard]] detail::task_awaiter<T> operator co_await(task<T>&& t) noexcept {
  return detail::task_awaiter<T>(t);
}

// The same for a future: a fiber of the running loop waits, then goes on as the coroutine. One that
// is ready is no wait.
// Parks: never; who destroys the coroutine: may.
// Calls from: a coroutine that runs on a loop; anywhere if it is ready.
// Throws: as future<T>::get(); task_cancelled if the loop ends first; std::logic_error on a plain
// thread.
template <class T>
[[nodiscard]] detail::future_awaiter<T> operator co_await(future<T>& f) {
  return detail::future_awaiter<T>(f);
}
template <class T>
[[nodiscard]] detail::future_awaiter<T> operator co_await(future<T>&& f) {
  return detail::future_awaiter<T>(f);
}

// Makes any wait awaitable: `co_await as_awaitable([&] { return ch.recv(); })` calls f() in a
// fiber of the running loop, which goes on as the coroutine. What f returns or throws comes back.
// If the coroutine is destroyed meanwhile, f is cancelled, and its end waited for. If the loop
// ends, f's waits throw `cancelled`, and the coroutine gets task_cancelled. No heap block.
// Parks: never; who destroys the coroutine: may.  Calls from: a coroutine that runs on a loop.
// Throws: what f throws; task_cancelled; std::logic_error on a plain thread; std::bad_alloc.
template <class F>
[[nodiscard]] detail::fiber_awaiter<std::decay_t<F>> as_awaitable(
    F&& f, detail::spawn_site site = detail::spawn_site::here()) {
  return detail::fiber_awaiter<std::decay_t<F>>(std::forward<F>(f), site);
}

WEFT_NAMESPACE_END
