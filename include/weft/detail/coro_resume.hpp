// SPDX-License-Identifier: BSL-1.0
// What a coroutine co_awaits in weft, and how it goes on: as a fiber of its own, because no code of
// a user's runs on another fiber's stack. Layer: sync. Under weft/coro.hpp; C++20.
//
// An awaiter lies in the coroutine's frame, and may die there while it waits. Who goes on with the
// coroutine and who destroys it therefore take a claim; the second one does nothing.
#pragma once

#include <atomic>
#include <coroutine>
#include <exception>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>
#include <variant>

#include "weft/detail/config.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/park.hpp"
#include "weft/detail/payload.hpp"
#include "weft/errors.hpp"
#include "weft/future.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Who may go on with a coroutine: what it waits for, or who destroys it.
class resumption_claim {
 public:
  // True for the first caller.  acq_rel: what the other did before is seen.
  bool take() noexcept { return !is_taken_.exchange(true, std::memory_order_acq_rel); }
  bool is_taken() const noexcept { return is_taken_.load(std::memory_order_acquire); }
  void reset() noexcept { is_taken_.store(false, std::memory_order_relaxed); }

 private:
  std::atomic<bool> is_taken_{false};
};

// Calls f() in a fiber of the running loop, which then resumes the coroutine. Lies in its frame.
template <class F>
class fiber_awaiter {
 public:
  using result = std::invoke_result_t<F&>;

  template <class G>
  fiber_awaiter(G&& f, const spawn_site& site) : f_(std::forward<G>(f)), site_(site) {}
  fiber_awaiter(const fiber_awaiter&) = delete;
  fiber_awaiter& operator=(const fiber_awaiter&) = delete;
  ~fiber_awaiter() {
    // Not resumed: the coroutine is destroyed, and the call with it. fiber_ waits for its end.
    if (fiber_.valid() && claim_.take()) fiber_.cancel();
  }

  bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> waiting) {
    loop_core& here = loop_or_throw("co_await of a wait");
    claim_.reset();
    fiber& record = take_record(here, site_);
    record_guard made(record);
    emplace_payload<void>(record, [this, waiting] { run(waiting); });
    made.release();
    record.is_callback = true;  // while the loop closes, too: the coroutine must go on
    record.has_handle = true;
    start_fiber(here, record);
    fiber_ = task<>(record);
  }

  result await_resume() {
    if (auto* const error = std::get_if<std::exception_ptr>(&ended_)) {
      std::rethrow_exception(std::exchange(*error, nullptr));
    }
    auto* const value = std::get_if<held>(&ended_);
    if (value == nullptr) return f_();  // there was nothing to wait for
    if constexpr (std::is_reference_v<result>) {
      return static_cast<result>(*value->value);
    } else if constexpr (!std::is_void_v<result>) {
      return std::move(value->value);
    }
  }

 protected:
  F f_;

 private:
  struct held {
    template <class... V>
    explicit held(std::in_place_t, V&&... v) : value(std::forward<V>(v)...) {}
    stored<result> value;
  };

  void run(std::coroutine_handle<> waiting) {
    if (claim_.is_taken()) return;  // destroyed before this began
    try {
      if constexpr (std::is_void_v<result>) {
        f_();
        ended_.template emplace<held>(std::in_place);
      } else if constexpr (std::is_reference_v<result>) {
        result value = f_();
        ended_.template emplace<held>(std::in_place, std::addressof(value));
      } else {
        ended_.template emplace<held>(std::in_place, f_());
      }
    } catch (const cancelled&) {
      if (claim_.is_taken()) throw;
      mark_arrived(*running_loop()->current);
      ended_ = std::make_exception_ptr(
          task_cancelled("weft: the loop ended while a coroutine waited on it"));
    } catch (...) {
      ended_ = std::current_exception();
    }
    if (!claim_.take()) return;
    fiber_.detach();  // whose end nobody waits for: it goes on as the coroutine
    waiting.resume();
  }

  spawn_site site_;
  std::variant<std::monostate, held, std::exception_ptr> ended_;
  resumption_claim claim_;
  task<> fiber_;  // last: its end comes first
};

template <class H>
struct get_of {
  H* handle;
  decltype(auto) operator()() { return handle->get(); }
};

template <class T>
class future_awaiter : public fiber_awaiter<get_of<future<T>>> {
 public:
  explicit future_awaiter(future<T>& f)
      : fiber_awaiter<get_of<future<T>>>(get_of<future<T>>{&f}, spawn_site{code_address(), 0}) {}
  bool await_ready() const { return this->f_.handle->is_ready(); }
};

// Resumes the coroutine by a callback at the task's end: no stack waits meanwhile.
template <class T>
class task_awaiter {
 public:
  explicit task_awaiter(task<T>& t) noexcept : task_(t) {}
  task_awaiter(const task_awaiter&) = delete;
  task_awaiter& operator=(const task_awaiter&) = delete;
  ~task_awaiter() {
    if (waiting_ != nullptr) waiting_->claim.take();
  }

  bool await_ready() const { return task_.done(); }

  bool await_suspend(std::coroutine_handle<> h) {
    loop_core* const here = running_loop();
    if (here != nullptr && !is_of(*here, *task_.record())) {
      // Its callback would run on the task's loop, and the coroutine change its thread.
      elsewhere_.emplace(get_of<task<T>>{&task_}, task_.record()->site);
      elsewhere_->await_suspend(h);
      return true;
    }
    const auto waiting = std::make_shared<waiting_coroutine>(h);
    waiting_ = waiting;
    try {
      task_.on_done([waiting] {
        if (waiting->claim.take()) waiting->handle.resume();
      });
    } catch (const closed_error&) {
      return false;  // with its loop the task has ended
    }
    return true;  // and *this may be gone: the task's loop may be another thread's
  }

  T await_resume() { return elsewhere_ ? elsewhere_->await_resume() : task_.get(); }

 private:
  // Shared with the callback, which cannot be taken back.
  struct waiting_coroutine {
    explicit waiting_coroutine(std::coroutine_handle<> h) noexcept : handle(h) {}
    std::coroutine_handle<> handle;
    resumption_claim claim;
  };

  task<T>& task_;
  std::shared_ptr<waiting_coroutine> waiting_;
  std::optional<fiber_awaiter<get_of<task<T>>>> elsewhere_;
};

}  // namespace detail
WEFT_NAMESPACE_END
