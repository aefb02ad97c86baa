// SPDX-License-Identifier: BSL-1.0
// Waits for a std::future in a fiber. Layer: sync. Between fibers and threads of your own use
// weft::future: it wakes its fiber by itself. A std::future cannot tell when it is ready, so one
// thread for all of them looks, and a wait costs up to 2 ms more than it must.
#pragma once

#include <chrono>
#include <future>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/this_fiber.hpp"
#include "weft/time.hpp"
#include "weft/to_thread.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

[[noreturn]] WEFT_API void throw_future_error(int code);

// What the watching thread may do with a future whose type it does not know.
struct foreign_future {
  const void* object;
  bool (*wait_for)(const void* object, duration longest);  // true: it is ready
};

// Parks until the future is ready.  Throws: cancelled; std::system_error, std::bad_alloc.
WEFT_API void await_ready(const foreign_future& what);

template <class Future>
void await_any(const Future& f) {
  if (!f.valid()) throw_future_error(static_cast<int>(std::future_errc::no_state));
  if (!in_fiber()) return;  // get() blocks, as the caller's thread may
  switch (f.wait_for(std::chrono::seconds(0))) {
    case std::future_status::ready:
      return;
    case std::future_status::deferred:
      to_thread([&f] { f.wait(); });  // it runs in the wait
      return;
    case std::future_status::timeout:
      break;
  }
  await_ready({&f, [](const void* object, duration longest) {
                 return static_cast<const Future*>(object)->wait_for(longest) !=
                        std::future_status::timeout;
               }});
}

}  // namespace detail

// Waits until f is ready and returns f.get(): parks the fiber, not its thread. One that is ready is
// no wait. A deferred function runs in to_thread(), any other wait needs no thread of the pool: a
// future that depends on to_thread() cannot deadlock with its limit.
// A cancel comes back within 2 ms, and f is as before; a deferred function that runs is waited for.
// A virtual clock waits for it. On a plain thread it is f.get().
// Parks: may.  Calls from: fiber, any thread.  Lifetime: nobody else may use f meanwhile.
// Throws: what f.get() throws; cancelled; std::future_error (no_state) if f is not valid;
// std::system_error, std::bad_alloc if there is no thread to look.
template <class T>
T await(std::future<T>& f) {
  detail::await_any(f);
  return f.get();
}
template <class T>
T await(std::future<T>&& f) {
  return await(f);
}

// The same for a future that others share; what it returns lives as long as one of them does.
template <class T>
auto await(const std::shared_future<T>& f) -> decltype(f.get()) {
  detail::await_any(f);
  return f.get();
}

WEFT_NAMESPACE_END
