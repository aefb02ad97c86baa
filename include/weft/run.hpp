// SPDX-License-Identifier: BSL-1.0
// The way in: run a function, and all that it spawns, on the calling thread. Layer: task.
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

WEFT_NAMESPACE_BEGIN
namespace detail {
class loop;
}

// Runs several functions, one after another, on one loop; tasks that outlive one run() wait for
// the next. Use weft::run() if one is enough.
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

  // Cancels what is left, waits for it, and ends the loop. A second call does nothing. After a
  // Ctrl-C meanwhile the process ends, once all is unwound, as it would have without weft.
  // Parks: may.  Throws: std::logic_error from inside the loop.
  void close();

  // True if main was cancelled by Ctrl-C.
  bool was_interrupted() const noexcept;

 private:
  // Enters the loop, calls, leaves. Out of line: it catches a pthread_exit on its way.
  void call_as_main(void (*call)(void*), void* argument);

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
