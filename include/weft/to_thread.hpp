// SPDX-License-Identifier: BSL-1.0
// Runs a blocking call on a thread, while the fiber that asked for it is parked and the others of
// its loop go on. Layer: sync. Not for work that computes for long on every core: it does run, but
// on as many threads as there are callers, up to the pool's limit.
//
// The pool is the process's. Threads are made on demand, 40 at most (Trio's default: such calls
// wait more than they compute), and end after 10 idle seconds; callers beyond the limit queue,
// first come, first served. Its threads are called "weft-pool" and take no signals but those that a
// fault raises; a process that is started there with the signal mask of its thread inherits that.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/payload.hpp"
#include "weft/detail/thread_job.hpp"
#include "weft/this_fiber.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Callable and arguments stay the caller's: it waits.
template <class T, class F>
struct borrowed_call final : result_job<T> {
  explicit borrowed_call(F& f) noexcept
      : result_job<T>([](thread_job& job) {
          auto& self = static_cast<borrowed_call&>(job);
          self.keep_result_of(self.invoke);
        }),
        invoke(f) {}

  F& invoke;
};

// Callable and arguments are the job's own: the caller may leave.
template <class T, class F, class... A>
struct owned_call final : result_job<T> {
  template <class G, class... B>
  explicit owned_call(std::in_place_t, G&& f, B&&... args)
      : result_job<T>(
            [](thread_job& job) {
              auto& self = static_cast<owned_call&>(job);
              self.keep_result_of([&self]() -> T { return self.invoke(); });
            },
            [](thread_job& job) noexcept { delete &static_cast<owned_call&>(job); }),
        bound(std::forward<G>(f), std::forward<B>(args)...) {}

  T invoke() {
    return std::apply(
        [](F& f, A&... args) -> T { return std::invoke(std::move(f), std::move(args)...); }, bound);
  }

  std::tuple<F, A...> bound;
};

}  // namespace detail

// Calls std::invoke(f, args...) on a thread of the pool and returns or rethrows what it does.
// Nothing is copied: references, moved-from arguments and captures by reference are safe, because
// the caller stays until the call is over. So a cancel withdraws a call that has not begun and
// throws; one that runs is waited for, its result is returned, and the next wait throws.
// The thread is a plain one: the call may block, and may not use this_fiber or spawn(). Called on a
// plain thread, which may block itself, it calls f right there. A virtual clock waits for it.
// Parks: may.  Calls from: fiber, any thread.
// Throws: what f throws; cancelled, and f was not called; std::system_error if the machine refuses
// a thread and the pool has none.
template <class F, class... A>
auto to_thread(F&& f, A&&... args) -> std::invoke_result_t<F, A...> {
  using T = std::invoke_result_t<F, A...>;
  if (!in_fiber()) return std::invoke(std::forward<F>(f), std::forward<A>(args)...);
  auto invoke = [&]() -> T { return std::invoke(std::forward<F>(f), std::forward<A>(args)...); };
  detail::borrowed_call<T, decltype(invoke)> job(invoke);
  detail::run_in_pool(job);
  return job.take();
}

// Says that a cancelled caller of to_thread() leaves at once.
struct abandon_on_cancel_t {
  explicit abandon_on_cancel_t() = default;
};
inline constexpr abandon_on_cancel_t abandon_on_cancel{};

// The same for a call that may be left behind: a cancel throws at once, and what has begun runs on
// with nobody waiting. Callable and arguments are decayed and moved in, as by std::thread. Result,
// arguments and error of a call that was left are destroyed on its thread; such an error is
// reported once (set_report_handler).
// Lifetime: whatever the call still refers to must outlive it, which may be never.
// Parks: may.  Calls from: fiber, any thread.
// Throws: what f throws; cancelled; std::system_error as above; std::bad_alloc.
template <class F, class... A>
auto to_thread(abandon_on_cancel_t, F&& f, A&&... args) -> detail::result_of<F, A...> {
  using call = detail::owned_call<detail::result_of<F, A...>, std::decay_t<F>, std::decay_t<A>...>;
  auto job = std::make_unique<call>(std::in_place, std::forward<F>(f), std::forward<A>(args)...);
  if (!in_fiber()) return job->invoke();
  if (!detail::run_in_pool(*job)) {
    static_cast<void>(job.release());  // its thread's now
    detail::throw_cancelled_here();
  }
  return job->take();
}

// Sets how many threads the pool may have. More are made at once for callers that queue; fewer:
// threads end as soon as they have nothing to do.
// Parks: never.  Calls from: any thread.  Throws: std::logic_error for 0.
WEFT_API void set_thread_pool_limit(std::size_t threads);

struct thread_pool_figures {
  std::size_t limit = 0;    // 40, or what was set
  std::size_t threads = 0;  // that exist, idle ones included; may be above a limit just lowered
  std::size_t busy = 0;     // of them, that are not idle
  std::size_t queued = 0;   // callers whose call has not begun
};

// Tells how the pool is used at this moment.  Parks: never.  Calls from: any thread.
WEFT_API thread_pool_figures measure_thread_pool();

WEFT_NAMESPACE_END
