// SPDX-License-Identifier: BSL-1.0
// The handle of a spawned function: wait for it, take its result, cancel it. Layer: task.
// Handles may move to other threads and outlive their loop; there they act by message, or find
// the task ended.
#pragma once

#include <exception>
#include <string_view>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/park.hpp"
#include "weft/detail/payload.hpp"
#include "weft/errors.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Throws task_cancelled with the task's name and the reason of its cancellation.
[[noreturn]] WEFT_API void throw_task_cancelled(const fiber& record);

// The part of task<T> that does not depend on T.
class WEFT_API task_base {
 public:
  task_base(const task_base&) = delete;
  task_base& operator=(const task_base&) = delete;

  // Waits until the task has ended, however it ended; never throws the task's own error.
  // Parks: may.  Calls from: fiber (of any loop), any thread (which then blocks).
  // Throws: cancelled if the caller is cancelled meanwhile (the task is not);
  // std::logic_error on an empty handle, from inside the task itself, or on the loop's own thread
  // while the loop does not run.
  void join();

  // The same until a deadline. True if the task has ended, false if the deadline came first.
  // Parks: may.  Calls from, Throws: as join().
  bool join_until(time_point deadline);

  // Asks the task to stop: its current or next wait throws `cancelled`; a task that has not begun
  // never runs. The first reason is kept. False if it had already ended.
  // Parks: never.  Calls from: any thread.  Throws: std::logic_error on an empty handle.
  bool cancel(std::string_view reason = {});

  // True once the task has ended.  Parks: never.  Calls from: any thread.
  bool done() const;

  // True if the task ended because `cancelled` left it, or before its first statement.
  // False while it runs.  Parks: never.  Calls from: any thread.
  bool was_cancelled() const;

  // The error that the task ended with; nullptr while it runs, or if there is none.
  // Parks: never.  Calls from: any thread.
  std::exception_ptr exception() const;

  // Lets the task run on without a handle; the loop cancels and joins it when run() ends. If it
  // fails, its error is reported once through the report handler.
  // Parks: never.  Calls from: any thread.
  // Throws: std::logic_error on an empty handle; std::bad_alloc on another thread.
  void detach();

  // The task's number in its loop, and its name (empty if it has none).
  // Calls from: any thread, but not while the task itself calls set_name().
  // Lifetime: the view lives as long as the handle.
  fiber_id id() const;
  std::string_view name() const;

  // False for a default-constructed, moved-from or detached handle.
  bool valid() const noexcept { return record_ != nullptr; }

  // Internal: the record behind the handle.
  fiber* record() const noexcept { return record_; }

 protected:
  task_base() noexcept = default;
  explicit task_base(fiber& record) noexcept : record_(&record) {}
  task_base(task_base&& other) noexcept : record_(std::exchange(other.record_, nullptr)) {}
  ~task_base() {
    if (record_ != nullptr) close();
  }

  // Cancels, joins without throwing, and gives the record back.
  void close() noexcept {
    fiber& record = *record_;
    loop_core* const here = running_loop();
    if (WEFT_LIKELY(here != nullptr && is_of(*here, record) && record.state == fiber_state::done &&
                    !record.has_baggage && record.is_pooled)) {
      record_ = nullptr;
      if (record.outcome == fiber_outcome::value && record.ops->drop_result != nullptr) {
        record.ops->drop_result(record);
      }
      if (record.ops->drop_block != nullptr) record.ops->drop_block(record);
      give_record(*here, record);
      return;
    }
    close_slowly();
  }

  // Joins, then throws what the task ended with unless that is a value.
  void join_for_value() {
    loop_core* const here = running_loop();
    if (WEFT_UNLIKELY(here == nullptr || record_ == nullptr)) {
      join_for_value_slowly();
      return;
    }
    fiber& record = *record_;
    fiber& self = *here->current;
    if (WEFT_UNLIKELY(!is_of(*here, record) || &record == &self || self.attention != 0 ||
                      record.is_result_taken)) {
      join_for_value_slowly();
      return;
    }
    if (record.state != fiber_state::done &&
        join_unfinished(*here, record, is_cancel_deliverable(*here)) == wake_reason::cancelled) {
      throw_cancelled(*here);
    }
    if (WEFT_UNLIKELY(record.outcome != fiber_outcome::value)) join_for_value_slowly();
  }

  // Joins, and moves the result out.
  template <class T>
  T take_value() {
    join_for_value();
    record_->is_result_taken = true;
    if constexpr (std::is_void_v<T>) {
      return;
    } else if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*slot_of<T>(*record_).value);
    } else {
      return std::move(slot_of<T>(*record_).value);
    }
  }

  void close_slowly() noexcept;

  // Gives the handle up; what it refers to runs on under its group.
  void let_go() noexcept;

  void join_for_value_slowly();

  // Attaches a fresh detached fiber that starts when the task has ended.
  void start_after(fiber& callback);
  fiber& new_callback() const;

  fiber* record_ = nullptr;
};

}  // namespace detail

// Owns a spawned function. Destroying it cancels the function and waits for its end, so references
// into the spawner's frame stay valid (as std::jthread does); detach() says otherwise.
template <class T = void>
class [[nodiscard]] task : public detail::task_base {
 public:
  task() noexcept = default;
  task(task&& other) noexcept = default;
  task& operator=(task&& other) noexcept {
    if (this != &other) {
      if (record_ != nullptr) close();
      record_ = std::exchange(other.record_, nullptr);
    }
    return *this;
  }

  // Waits until the task has ended and returns its result, moved out, or rethrows its error.
  // Parks: may.  Calls from: fiber (of any loop), any thread (which then blocks).
  // Throws: the task's own exception; task_cancelled if the task was cancelled; cancelled if the
  // caller is (the task goes on); std::logic_error as join(), and on the second call.
  T get() { return take_value<T>(); }

  // Runs `f()` as a fiber of its own once the task has ended; at once if it has. An error that
  // leaves f is reported like that of a detached task.
  // Parks: never.  Calls from: any thread.  Throws: std::bad_alloc; closed_error if the loop has
  // ended; std::logic_error on an empty handle.
  template <class F>
  void on_done(F&& f) {
    detail::fiber& callback = new_callback();
    detail::record_guard made(callback);
    detail::emplace_payload<void>(callback, std::forward<F>(f));
    start_after(callback);  // throws before it takes the record
    made.release();
  }

  // Internal: takes over a record that spawn() made.
  explicit task(detail::fiber& record) noexcept : task_base(record) {}
};

WEFT_NAMESPACE_END
