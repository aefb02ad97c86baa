// SPDX-License-Identifier: BSL-1.0
// Children that do not outlive a block: asyncio's TaskGroup, Trio's nursery. Layer: task.
// For a fixed list of things whose results you want, gather() is shorter.
#pragma once

#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/detail/group_core.hpp"
#include "weft/exception_group.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"

WEFT_NAMESPACE_BEGIN

class task_group;

// Refers to a child of a group. The group owns the child: a task_ref may be dropped at any time,
// and may outlive the group to hand out the result.
template <class T = void>
class task_ref : public detail::task_base {
 public:
  task_ref() noexcept = default;
  task_ref(task_ref&& other) noexcept = default;
  task_ref& operator=(task_ref&& other) noexcept {
    if (this != &other) {
      release();
      record_ = std::exchange(other.record_, nullptr);
    }
    return *this;
  }
  ~task_ref() { release(); }

  // Waits for the child and returns its result, moved out, or rethrows its error (which the group
  // throws as well).
  // Parks: may.  Calls from: fiber (of any loop), any thread (which then blocks).
  // Throws: as task::get().
  T get() { return take_value<T>(); }

  void detach() = delete;  // it is the group's

  // Internal: takes over the handle of a record that the group made.
  explicit task_ref(detail::fiber& record) noexcept : task_base(record) {}

 private:
  void release() noexcept {
    if (record_ != nullptr) let_go();
  }
};

// Given to the body of task_group::start(): says that the child is ready.
template <class T = void>
class task_status {
 public:
  // Hands the value to start(), which returns it; from here on the child belongs to the group.
  // Parks: never.  Calls from: the child.  Throws: std::logic_error the second time; what T's
  // constructor throws.
  template <class... V>
  void started(V&&... value) {
    static_assert(sizeof...(V) == (std::is_void_v<T> ? 0 : 1),
                  "started() takes the value that start() is to return");
    detail::require_unstarted(room_);
    if constexpr (!std::is_void_v<T>) value_->emplace(std::forward<V>(value)...);
    detail::note_started(*std::exchange(room_, nullptr));
  }

  // Internal: made in the child's frame.
  task_status(detail::start_room& room, std::optional<detail::stored<T>>& value) noexcept
      : room_(&room), value_(&value) {}
  task_status(const task_status&) = delete;
  task_status& operator=(const task_status&) = delete;

 private:
  detail::start_room* room_;
  std::optional<detail::stored<T>>* value_;
};

namespace detail {

// What the parameter of a callable says: task_status<T>&.
template <class F>
struct status_of : status_of<decltype(&F::operator())> {};
template <class R, class T>
struct status_of<R (*)(task_status<T>&)> {
  using type = T;
};
template <class R, class C, class T>
struct status_of<R (C::*)(task_status<T>&)> : status_of<R (*)(task_status<T>&)> {};
template <class R, class C, class T>
struct status_of<R (C::*)(task_status<T>&) const> : status_of<R (*)(task_status<T>&)> {};
template <class R, class T>
struct status_of<R (*)(task_status<T>&) noexcept> : status_of<R (*)(task_status<T>&)> {};
template <class R, class C, class T>
struct status_of<R (C::*)(task_status<T>&) noexcept> : status_of<R (*)(task_status<T>&)> {};
template <class R, class C, class T>
struct status_of<R (C::*)(task_status<T>&) const noexcept> : status_of<R (*)(task_status<T>&)> {};

}  // namespace detail

// Lives in with_task_group() and is given to its body.
class task_group {
 public:
  task_group(const task_group&) = delete;
  task_group& operator=(const task_group&) = delete;

  // Starts f as a child of the group; arguments as spawn(). In a group that was cancelled the child
  // ends `cancelled` before its first statement. A child may spawn siblings.
  // Parks: never.  Calls from: fiber of the group's loop.
  // Throws: std::logic_error once the group was joined; what spawn() throws.
  template <class F, std::enable_if_t<!detail::is_spawn_detail<F>, int> = 0>
  task_ref<detail::result_of<F>> spawn(F&& f,
                                       detail::spawn_site site = detail::spawn_site::here()) {
    return add(site, spawn_options{}, std::forward<F>(f));
  }
  template <class F>
  task_ref<detail::result_of<F>> spawn(spawn_options how, F&& f,
                                       detail::spawn_site site = detail::spawn_site::here()) {
    return add(site, std::move(how), std::forward<F>(f));
  }
  template <class F, class A0, class... A,
            std::enable_if_t<!detail::is_spawn_detail<F> && !detail::is_spawn_detail<A0>, int> = 0>
  task_ref<detail::result_of<F, A0, A...>> spawn(F&& f, A0&& arg, A&&... args) {
    return add(detail::spawn_site{detail::code_address(), 0}, spawn_options{}, std::forward<F>(f),
               std::forward<A0>(arg), std::forward<A>(args)...);
  }
  template <class F, class A0, class... A, std::enable_if_t<!detail::is_spawn_detail<A0>, int> = 0>
  task_ref<detail::result_of<F, A0, A...>> spawn(spawn_options how, F&& f, A0&& arg, A&&... args) {
    return add(detail::spawn_site{detail::code_address(), 0}, std::move(how), std::forward<F>(f),
               std::forward<A0>(arg), std::forward<A>(args)...);
  }

  // Starts f(task_status<T>&) and waits until it calls started(value), which start() returns; from
  // then on it is a child of the group. T is the status' type: [](weft::task_status<int>& status).
  // If f ends before, start() throws its error; if start() is cancelled before, so is f.
  // Parks: may.  Calls from: fiber of the group's loop.
  // Throws: what f throws before started(); std::logic_error if f returned without it, or once the
  // group was joined; cancelled; what spawn() throws.
  template <class F>
  auto start(F&& f, detail::spawn_site site = detail::spawn_site::here()) ->
      typename detail::status_of<std::decay_t<F>>::type;

  // Waits for all children, then takes no more; the end of the body does it, too. Daemons are
  // cancelled when the last ordinary child has ended, and waited for.
  // Parks: may.  Calls from: the group's body.  Throws: cancelled, also when a child has failed;
  // std::logic_error from another fiber.
  void join() { detail::join_group(core_); }

  // Cancels all children and the body's waits. The block is then left without an exception, unless
  // one failed. The first reason is kept.
  // Parks: never.  Calls from: fiber of the group's loop.  Throws: std::bad_alloc.
  void cancel(std::string_view reason = {}) {
    detail::cancel_group(core_,
                         reason.empty() ? nullptr : std::make_shared<const std::string>(reason));
  }

  // True once the group was cancelled, by cancel() or because a child failed.
  bool cancel_called() const noexcept { return detail::is_cancelled(core_.around); }

  // Children that have not ended.  Parks: never.  Calls from: fiber of the group's loop.
  std::size_t size() const noexcept { return core_.size; }

 private:
  template <class F>
  friend auto with_task_group(F&& body) -> std::invoke_result_t<F, task_group&>;
  task_group() { detail::open_group(core_); }

  template <class F, class... A>
  task_ref<detail::result_of<F, A...>> add(const detail::spawn_site& site, spawn_options how, F&& f,
                                           A&&... args) {
    using T = detail::result_of<F, A...>;
    detail::require_open(core_, "task_group::spawn()");
    detail::loop_core& here = *core_.owner->home;
    const bool is_daemon = how.daemon;
    const bool is_eager = how.eager;
    detail::fiber& record = detail::new_fiber_with(here, site, std::move(how));
    detail::record_guard made(record);
    detail::emplace_payload<T>(record, std::forward<F>(f), std::forward<A>(args)...);
    made.release();
    record.has_handle = true;
    task_ref<T> child(record);
    detail::adopt_child(core_, record, is_daemon);
    if (is_eager) {
      detail::start_eagerly(here, record);
    } else {
      detail::start_fiber(here, record);
    }
    return child;
  }

  detail::group_core core_;
};

template <class F>
auto task_group::start(F&& f, detail::spawn_site site) ->
    typename detail::status_of<std::decay_t<F>>::type {
  using T = typename detail::status_of<std::decay_t<F>>::type;
  detail::require_open(core_, "task_group::start()");
  detail::start_room room;
  std::optional<detail::stored<T>> value;
  room.group = &core_;
  task_ref<> child;
  {
    detail::fiber& record = detail::take_record(*core_.owner->home, site);
    detail::record_guard made(record);
    detail::emplace_payload<void>(
        record, [call = std::decay_t<F>(std::forward<F>(f)), &room, &value]() mutable {
          task_status<T> status(room, value);
          std::move(call)(status);
        });
    made.release();
    record.has_handle = true;
    child = task_ref<>(record);
  }
  detail::await_started(room, *child.record());
  if constexpr (std::is_void_v<T>) {
    return;
  } else if constexpr (std::is_reference_v<T>) {
    return static_cast<T>(**value);
  } else {
    return std::move(*value);
  }
}

// Runs body(group) and returns its result after every child has ended. If a child fails, the others
// and the body's waits are cancelled. All errors, the body's own among them, leave together as an
// exception_group, also when there is only one; children that were cancelled are no errors.
// Parks: may.  Calls from: fiber.
// Throws: exception_group; cancelled, if a region further out was cancelled and nothing failed;
// task_cancelled, if cancel() ended a body that owes a result; std::logic_error outside a loop;
// std::bad_alloc.
template <class F>
auto with_task_group(F&& body) -> std::invoke_result_t<F, task_group&> {
  using T = std::invoke_result_t<F, task_group&>;
  task_group group;
  std::exception_ptr error;
  if constexpr (std::is_void_v<T>) {
    try {
      std::forward<F>(body)(group);
    } catch (...) {
      error = std::current_exception();
    }
    detail::close_group(group.core_, std::move(error));
  } else {
    detail::result_slot<T> slot;
    try {
      if constexpr (std::is_reference_v<T>) {
        slot.value = std::addressof(std::forward<F>(body)(group));
      } else {
        ::new (static_cast<void*>(std::addressof(slot.value)))
            detail::stored<T>(std::forward<F>(body)(group));
      }
    } catch (...) {
      error = std::current_exception();
    }
    const bool has_value = error == nullptr;
    struct dropper {
      detail::stored<T>* value;
      ~dropper() {
        if (value != nullptr) std::destroy_at(value);
      }
    } drop{has_value ? std::addressof(slot.value) : nullptr};
    detail::close_group(group.core_, std::move(error));
    if (!has_value) detail::throw_no_result();
    if constexpr (std::is_reference_v<T>) {
      return static_cast<T>(*slot.value);
    } else {
      return std::move(slot.value);
    }
  }
}

WEFT_NAMESPACE_END
