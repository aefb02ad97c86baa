// SPDX-License-Identifier: BSL-1.0
// Waiting for the first of several things: values, room, events, tasks, descriptors, time.
// Layer: sync. Go's select, as a function over cases:
//
//   weft::select(weft::on_recv(jobs, [&](std::optional<job> j) { ... }),
//                weft::on_send(results, result, [&] { ... }),
//                weft::after(5s, [&] { ... }));
//

#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/channel.hpp"
#include "weft/detail/channel_core.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/descriptor_case.hpp"
#include "weft/detail/select_core.hpp"
#include "weft/event.hpp"
#include "weft/task.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// What the cases of a channel share: their place in its queue.
template <class T, class Policy>
class channel_case : public select_case {
 public:
  explicit channel_case(channel_core<T, Policy>* core) noexcept : core_(core) {
    if constexpr (!Policy::is_local) {
      if (core != nullptr) lock = &core->guard;
    }
    object = core;
    by = Policy::by;
  }
  channel_case(const channel_case&) = delete;
  channel_case& operator=(const channel_case&) = delete;

  void leave() noexcept override {
    if (place_ && place_->is_linked()) place_->unlink();
  }
  // Anything else (closed, or a move that threw) is found by looking anew.
  bool has_succeeded() noexcept override { return place_->came_to() == channel_verdict::done; }

 protected:
  ~channel_case() = default;

  channel_place& new_place(select_wait& wait, int index, void* slot) noexcept {
    place_.emplace(wait, slot);
    place_->claim = &wait.claim;
    place_->index = index;
    return *place_;
  }

  channel_core<T, Policy>* const core_;  // nullptr: never ready

 private:
  std::optional<channel_place> place_;
};

template <class T, class Policy, class F>
class recv_case final : public channel_case<T, Policy> {
 public:
  recv_case(channel_core<T, Policy>* core, F&& f) noexcept
      : channel_case<T, Policy>(core), f_(std::forward<F>(f)) {}

  bool is_ready(const loop_core* here) noexcept override {
    return this->core_ != nullptr && this->core_->can_receive(here);
  }
  bool commit(claimed_waiters& woken) override {
    return this->core_->receive(out_, woken) || this->core_->is_over();
  }
  void enter(select_wait& wait, int index) noexcept override {
    if (this->core_ == nullptr) return;
    this->core_->wait_to_receive(this->new_place(wait, index, &out_), false);
  }
  void finish() { std::forward<F>(f_)(std::move(out_)); }

 private:
  F&& f_;
  std::optional<T> out_;
};

template <class T, class Policy, class F>
class send_case final : public channel_case<T, Policy> {
 public:
  send_case(channel_core<T, Policy>* core, T& value, F&& f) noexcept
      : channel_case<T, Policy>(core), value_(value), f_(std::forward<F>(f)) {}

  bool is_ready(const loop_core* here) noexcept override {
    return this->core_ != nullptr && this->core_->can_send(here);
  }
  bool commit(claimed_waiters& woken) override {
    if (this->core_->is_closed()) throw_channel_closed();
    return this->core_->send(value_, woken);
  }
  void enter(select_wait& wait, int index) noexcept override {
    if (this->core_ == nullptr) return;
    this->core_->wait_to_send(this->new_place(wait, index, std::addressof(value_)), false);
  }
  void finish() { std::forward<F>(f_)(); }

 private:
  T& value_;
  F&& f_;
};

// What somebody sets.
template <class Policy, class F>
class event_case final : public select_case {
 public:
  event_case(basic_event<Policy>& awaited, F&& f) noexcept
      : event_(awaited), f_(std::forward<F>(f)) {
    if constexpr (!Policy::is_local) lock = &awaited.core_.guard;
    object = &awaited.core_;
    by = Policy::by;
  }
  event_case(const event_case&) = delete;
  event_case& operator=(const event_case&) = delete;

  bool is_ready(const loop_core*) noexcept override { return event_.is_set(); }
  bool commit(claimed_waiters&) override { return event_.is_set(); }
  void enter(select_wait& wait, int index) noexcept override {
    place_.emplace(wait);
    place_->claim = &wait.claim;
    place_->index = index;
    event_.core_.queue.push_back(*place_);
  }
  void leave() noexcept override {
    if (place_ && place_->is_linked()) place_->unlink();
  }
  bool has_succeeded() noexcept override { return true; }  // it was set, even if it is no more
  void finish() { std::forward<F>(f_)(); }

 private:
  basic_event<Policy>& event_;
  F&& f_;
  std::optional<wait_place> place_;
};

// The end of a task of this loop.
class WEFT_API task_case : public select_case {
 public:
  explicit task_case(fiber* record);  // Throws: std::logic_error, as join()
  task_case(const task_case&) = delete;
  task_case& operator=(const task_case&) = delete;

  bool is_ready(const loop_core* here) noexcept override;
  bool commit(claimed_waiters&) override { return true; }
  void enter(select_wait& wait, int index) noexcept override;
  void leave() noexcept override;
  bool has_succeeded() noexcept override { return true; }

 protected:
  ~task_case() = default;

 private:
  struct place : wait_node {
    select_wait* wait = nullptr;
    int index = 0;
  };
  static void on_end(wait_node& node, fiber& ended) noexcept;

  fiber* const record_;
  place place_;
};

template <class F>
class done_case final : public task_case {
 public:
  done_case(fiber* record, F&& f) : task_case(record), f_(std::forward<F>(f)) {}
  void finish() { std::forward<F>(f_)(); }

 private:
  F&& f_;
};

template <class F>
class after_case final : public select_case {
 public:
  after_case(duration span, F&& f) noexcept : f_(std::forward<F>(f)) {
    is_due_ = span <= duration::zero();
    deadline = saturating_add(now(), span);
  }
  after_case(const after_case&) = delete;
  after_case& operator=(const after_case&) = delete;

  bool is_ready(const loop_core*) noexcept override { return is_due_; }
  bool commit(claimed_waiters&) override { return true; }
  void enter(select_wait&, int) noexcept override {}
  void leave() noexcept override {}
  bool has_succeeded() noexcept override { return true; }
  void finish() { std::forward<F>(f_)(); }

 private:
  F&& f_;
  bool is_due_ = false;
};

template <class F>
class otherwise_case final : public select_case {
 public:
  explicit otherwise_case(F&& f) noexcept : f_(std::forward<F>(f)) { is_otherwise = true; }
  otherwise_case(const otherwise_case&) = delete;
  otherwise_case& operator=(const otherwise_case&) = delete;

  bool is_ready(const loop_core*) noexcept override { return false; }
  bool commit(claimed_waiters&) override { return true; }
  void enter(select_wait&, int) noexcept override {}
  void leave() noexcept override {}
  bool has_succeeded() noexcept override { return true; }
  void finish() { std::forward<F>(f_)(); }

 private:
  F&& f_;
};

}  // namespace detail

// -- the cases; each is good for one select(), in whose argument list it stands --

// A value from a channel, or its end: f(std::optional<T>), empty if it is closed and drained. A
// null pointer to a channel is never ready.
template <class T, class Policy, class F>
detail::recv_case<T, Policy, F> on_recv(detail::basic_channel<T, Policy>& from, F&& f) {
  return {&from.core(), std::forward<F>(f)};
}
template <class T, class Policy, class F>
detail::recv_case<T, Policy, F> on_recv(detail::basic_channel<T, Policy>* from, F&& f) {
  return {from != nullptr ? &from->core() : nullptr, std::forward<F>(f)};
}

template <class T, class F>
detail::recv_case<T, detail::any_thread, F> on_recv(const receiver<T>& from, F&& f) {
  return {&from.core(), std::forward<F>(f)};
}

// Room for a value in a channel: f() after `value` was moved in. Another case done, `value` is
// untouched. A closed channel makes select() throw closed_error.
template <class T, class Policy, class F>
detail::send_case<T, Policy, F> on_send(detail::basic_channel<T, Policy>& to, T& value, F&& f) {
  return {&to.core(), value, std::forward<F>(f)};
}
template <class T, class Policy, class F>
detail::send_case<T, Policy, F> on_send(detail::basic_channel<T, Policy>& to, T&& value, F&& f) {
  return {&to.core(), value, std::forward<F>(f)};
}
template <class T, class Policy, class F>
detail::send_case<T, Policy, F> on_send(detail::basic_channel<T, Policy>* to, T& value, F&& f) {
  return {to != nullptr ? &to->core() : nullptr, value, std::forward<F>(f)};
}
template <class T, class F>
detail::send_case<T, detail::any_thread, F> on_send(const sender<T>& to, T& value, F&& f) {
  return {&to.core(), value, std::forward<F>(f)};
}

// What an event stands for: f(), once it is set. It stays set.
template <class Policy, class F>
detail::event_case<Policy, F> on_event(detail::basic_event<Policy>& awaited, F&& f) {
  return {awaited, std::forward<F>(f)};
}

// The end of a task of this loop, however it ended: f(). Its result is to be taken by get().
// Throws: std::logic_error for an empty handle, the calling task or a task of another loop.
template <class F>
detail::done_case<F> on_done(const detail::task_base& ended, F&& f) {
  return {ended.record(), std::forward<F>(f)};
}

// A descriptor that a program has from elsewhere, by its number: f(), when a read would not wait
// because data is there, or the end, or an error. Nothing is read. Several fibers that read one
// descriptor may be faster than f: then its read waits. As wait_readable() (descriptor.hpp),
// select() throws std::system_error: EBADF if `fd` is not open, or close_descriptor() closes it
// meanwhile; EPERM for a regular file or a directory; EEXIST if another wait for the same is under
// way and this one would have to begin; ENOMEM, ENOSPC. Those that weft opened: readiness.hpp.
// Throws: std::logic_error outside of a loop.
template <class F>
detail::readiness_case<F> on_readable(int fd, F&& f) {
  return {detail::descriptor_key{fd, 0}, detail::direction::read, std::forward<F>(f)};
}

// The same for a write: there is room, or the peer is gone.
template <class F>
detail::readiness_case<F> on_writable(int fd, F&& f) {
  return {detail::descriptor_key{fd, 0}, detail::direction::write, std::forward<F>(f)};
}

// A time from now: f(). Zero and less is ready at once.
template <class Rep, class Period, class F>
detail::after_case<F> after(std::chrono::duration<Rep, Period> span, F&& f) {
  return {detail::saturate(span), std::forward<F>(f)};
}

// What is done if nothing else is ready at once: select() then never parks.
template <class F>
detail::otherwise_case<F> otherwise(F&& f) {
  return detail::otherwise_case<F>(std::forward<F>(f));
}

// Waits until one of the cases can be carried out, carries out exactly that one, calls its
// function, and returns its place in the list. Among several that are ready it draws one,
// reproducibly under options::seed. The others are as if they had never been asked: no value is
// lost, nobody stands in a queue any more. Nothing is allocated. Parks: may.  Calls from: fiber; a
// plain thread, which blocks, if no case is a task or a descriptor. Throws: cancelled, with no case
// carried out; closed_error; std::system_error of a descriptor; what moving a value and the called
// function throw.
template <class... Case>
std::size_t select(Case&&... cases) {
  constexpr std::size_t count = sizeof...(Case);
  static_assert(count != 0, "select() of nothing would wait for ever");
  std::array<detail::select_case*, count> all{&cases...};
  std::array<detail::spin_lock*, count> locks{};
  const std::size_t done = detail::select_first(all.data(), locks.data(), count);
  std::size_t at = 0;
  static_cast<void>(((at++ == done ? (cases.finish(), true) : false) || ...));
  return done;
}

WEFT_NAMESPACE_END
