// SPDX-License-Identifier: BSL-1.0
// The way in: run a function, and all that it spawns, on the calling thread, which waits for it or
// lends itself step by step. Layer: task.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/payload.hpp"
#include "weft/errors.hpp"
#include "weft/options.hpp"
#include "weft/task.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
class loop;
}

// Runs several functions, one after another, on one loop; tasks that outlive one run() wait for
// the next. Use weft::run() if one is enough.
//
// Or lives as a guest inside a foreign loop (libuv, Asio, GLib, poll()) on the same thread: start()
// what is to run, then let the host call step() whenever pollable_fd() is readable and when the
// time is over that the last step told. Between steps handles may be asked done(), cancelled, and
// their get() called once they are done; posts from other threads make pollable_fd() readable. A
// guest leaves Ctrl-C to its host, and never throws would_deadlock: the host may end any wait.
//
//   weft::runner guest;
//   auto main = guest.start(serve);
//   for (auto wait = weft::duration::zero(); !main.done(); wait = guest.step({})) {
//     poll_others_and(guest.pollable_fd(), wait);
//   }
//
// Calls from: the thread that made it.
class WEFT_API runner {
 public:
  // Throws: std::logic_error for impossible options; std::system_error or std::bad_alloc if the
  // machine refuses what a loop needs.
  explicit runner(options how = {});
  ~runner();  // as close(); inside its own loop (std::exit in a fiber) it leaves the loop alone
  runner(const runner&) = delete;
  runner& operator=(const runner&) = delete;

  // Runs main on the caller's own stack as a fiber and returns or rethrows what it does. Tasks
  // that it leaves behind stay parked until the next run() or close().
  // Parks: may (blocks the thread while nothing can run).
  // Throws: what main throws; cancelled with the reason "SIGINT" after Ctrl-C;
  // std::logic_error inside a running loop, on another thread, or after close().
  template <class F>
  auto run(F&& main) -> decltype(std::forward<F>(main)()) {
    using result = decltype(std::forward<F>(main)());
    struct frame {
      F&& main;  // a reference: main may be a plain function, which has no object to point at
      detail::result_slot<result> slot;
    } here{std::forward<F>(main), {}};
    call_as_main(
        [](void* argument) {
          frame& to = *static_cast<frame*>(argument);
          if constexpr (std::is_void_v<result>) {
            std::forward<F>(to.main)();
          } else if constexpr (std::is_reference_v<result>) {
            to.slot.value = std::addressof(std::forward<F>(to.main)());
          } else {
            ::new (static_cast<void*>(std::addressof(to.slot.value)))
                detail::stored<result>(std::forward<F>(to.main)());
          }
        },
        &here);
    if constexpr (std::is_reference_v<result>) {
      return static_cast<result>(*here.slot.value);
    } else if constexpr (!std::is_void_v<result>) {
      struct dropper {
        detail::stored<result>* value;
        ~dropper() { std::destroy_at(value); }
      } drop{std::addressof(here.slot.value)};
      return std::move(here.slot.value);
    }
  }

  // Starts main() as a task of this loop, on a stack of its own, and makes the loop a guest; more
  // than one may be started. It runs in step(), and as well during run(), which blocks the host.
  // The handle belongs to the host: get() on a task that is not done would wait for a step that
  // cannot come, and throws std::logic_error; destroying it runs the loop until the task,
  // cancelled, has ended. Parks: never.  Throws: std::bad_alloc; std::logic_error inside a running
  // loop (spawn() there), on another thread, or after close().
  template <class F>
  [[nodiscard]] task<detail::result_of<F>> start(
      F&& main, detail::spawn_site site = detail::spawn_site::here()) {
    detail::fiber& record = new_guest(site);
    detail::record_guard made(record);
    detail::emplace_payload<detail::result_of<F>>(record, std::forward<F>(main));
    made.release();
    record.has_handle = true;
    start_guest(record);
    return task<detail::result_of<F>>(record);
  }

  // Runs what is ready, fires timers, and returns how long the host may wait until the next step if
  // pollable_fd() stays silent: zero if more is ready, duration::max() if only the descriptor can
  // bring news. Rounded to the host's unit it must be rounded up. A step ends with the first fiber
  // that waits once it has taken 1 ms, so that the host's other work is not starved. Only if
  // nothing is ready at first, it waits for something, at most for max_wait; zero never blocks.
  // Parks: blocks the thread, at most for max_wait; a fiber's own step may take longer than 1 ms.
  // Throws: std::logic_error before start(), inside a running loop, on another thread, after
  // close().
  duration step(duration max_wait = duration::zero());

  // A descriptor that is readable when a step would find news: a descriptor that a fiber waits for,
  // a post from another thread, something that the host did. Watch it for reading, level-triggered
  // (or ask anew after each step); never read or close it. The same until close().
  // Throws: std::logic_error after close().
  int pollable_fd() const;

  // Cancels what is left, waits for it, and ends the loop. A second call does nothing. After a
  // Ctrl-C meanwhile the process ends, once all is unwound, as it would have without weft.
  // Parks: may.  Throws: std::logic_error from inside the loop.
  void close();

  // True if main was cancelled by Ctrl-C.
  bool was_interrupted() const noexcept;

 private:
  // Enters the loop, calls, leaves. Out of line: it catches a pthread_exit on its way.
  void call_as_main(void (*call)(void*), void* argument);

  detail::fiber& new_guest(const detail::spawn_site& site);
  void start_guest(detail::fiber& record);

  detail::loop* loop_ = nullptr;
};

namespace detail {
// Ends the process as an unhandled Ctrl-C would, now that everything is unwound.
[[noreturn]] WEFT_API void die_of_sigint() noexcept;
}  // namespace detail

// Runs main on the caller's own stack as the first fiber of a new loop, and returns or rethrows
// what it does. Before it returns, tasks that are still there are cancelled and joined.
// After Ctrl-C (unless main handles `cancelled`), once all is unwound, the process ends as it
// would have without weft.
// Parks: blocks the thread while nothing can run.  Calls from: any thread without a running loop.
// Throws: what main throws; std::logic_error inside a running loop; std::system_error or
// std::bad_alloc if the machine refuses what a loop needs.
template <class F>
auto run(options how, F&& main) -> decltype(std::forward<F>(main)()) {
  runner one(how);
  try {
    return one.run(std::forward<F>(main));
  } catch (const cancelled&) {
    if (!one.was_interrupted()) throw;
  }
  one.close();
  detail::die_of_sigint();
}

template <class F>
auto run(F&& main) -> decltype(std::forward<F>(main)()) {
  return run(options{}, std::forward<F>(main));
}

WEFT_NAMESPACE_END
