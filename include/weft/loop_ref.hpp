// SPDX-License-Identifier: BSL-1.0
// A way into a loop from any thread. Layer: sync. Handing work over is all that it does; what is
// handed over runs as a fiber of that loop and may therefore park.
#pragma once

#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/payload.hpp"
#include "weft/errors.hpp"
#include "weft/future.hpp"

WEFT_NAMESPACE_BEGIN

// Refers to a loop without owning it; copyable, usable after the loop has ended (it then refuses).
class WEFT_API loop_ref {
 public:
  loop_ref() noexcept = default;
  loop_ref(const loop_ref& other) noexcept;
  loop_ref(loop_ref&& other) noexcept;
  loop_ref& operator=(loop_ref other) noexcept;
  ~loop_ref();

  // Runs f() as a detached fiber of that loop. Posts of one thread start in their order. A callable
  // that the loop can no longer run is destroyed on a stack of that loop.
  // Parks: never.  Calls from: any thread.
  // Throws: closed_error if the loop is ending or has ended; std::logic_error on an empty ref;
  // std::bad_alloc.
  template <class F>
  void post(F&& f) const {
    detail::fiber& record = detail::new_fiber(nullptr, {});
    detail::record_guard made(record);
    detail::emplace_payload<void>(record, std::forward<F>(f));
    send(record);  // throws before it takes the record
    made.release();
  }

  // The same, and the result or error comes back. If the loop ends before f ran, the future gets
  // std::future_error (broken_promise).
  // Parks: never (the future's get() does).  Calls from: any thread.  Throws: as post().
  template <class F>
  auto call(F&& f) const -> future<detail::result_of<F>> {
    using T = detail::result_of<F>;
    promise<T> answer;
    future<T> result = answer.get_future();
    post([work = std::decay_t<F>(std::forward<F>(f)), answer = std::move(answer)]() mutable {
      std::exception_ptr error;
      try {
        if constexpr (std::is_void_v<T>) {
          std::move(work)();
          answer.set_value();
        } else {
          answer.set_value(std::move(work)());
        }
        return;
      } catch (const cancelled&) {
        error = std::make_exception_ptr(
            task_cancelled("weft: the loop ended before loop_ref::call() was done"));
        answer.set_exception(std::move(error));
        throw;
      } catch (...) {
        error = std::current_exception();
      }
      answer.set_exception(std::move(error));  // out of the handler, which would keep a share
    });
    return result;
  }

  // A ref that says "an event from outside may come through me": while one lives, a virtual clock
  // of that loop does not jump but waits for it.
  loop_ref external() const;

  // False for a default-constructed or moved-from ref.
  bool valid() const noexcept { return shared_ != nullptr; }

  // True once the loop has ended, and post() would throw.
  bool has_ended() const noexcept;

 private:
  friend WEFT_API loop_ref this_loop();
  friend class background_loop;
  explicit loop_ref(detail::shared_side& shared) noexcept;
  void send(detail::fiber& record) const;
  bool is_of_parent_process() const noexcept;

  detail::shared_side* shared_ = nullptr;
  bool is_external_ = false;
};

// The running loop.  Parks: never.  Calls from: fiber.  Throws: std::logic_error on a plain thread.
WEFT_API loop_ref this_loop();

WEFT_NAMESPACE_END
