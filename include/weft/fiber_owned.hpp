// SPDX-License-Identifier: BSL-1.0
// A thread_local of code that knows nothing of fibers, made each fiber's own: the id of the request
// at hand, a logger's context, OpenSSL's queue of errors. Layer: loop.
//
//   thread_local std::string request_id;  // somewhere in the old code, which reads and writes it
//   static weft::fiber_owned<std::string> owned([]() -> std::string& { return request_id; });
//
// When a fiber stops, what stands in the object is put aside for it; when it goes on, that is put
// back. In new code take a fiber_local: it costs nothing at a switch, and children inherit it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/owned_object.hpp"
#include "weft/detail/spin_lock.hpp"

WEFT_NAMESPACE_BEGIN

// How a fiber's state is taken out of a place that is no plain object, and put into it: an error
// queue, the locale of uselocale(), a cursor in a library. None of the three may park. Loops on
// several threads call them at the same time, each on its own thread.
template <class T>
struct owned_state {
  std::function<T()> take;    // what the place holds; whatever stays there is of no importance
  std::function<void(T)> put;  // afterwards the place holds this, and nothing of what was there
  std::function<T()> begin = [] { return T(); };  // what a new fiber begins with
};

// While it lives, each fiber sees its own value in the object.
//
// A task begins with T(), or with what `begin` returns, called in the new task before its body: as
// a new thread begins with the initial value of its thread_local. It does not begin with its
// spawner's; for that let `begin` read a fiber_local, which is inherited. What `begin` throws is the
// task's error, and its body does not run. At the task's end, after its callable is destroyed, its
// value is destroyed, by the task; code that runs later in its place sees another fiber's.
//
// Main is the thread's own flow: it goes on with what stood in the object, and leaves it its own
// when run() returns. weft's own calls of user code between fibers (clocks, stack sources, report
// sinks), and the host of a guest loop, see main's as well. Jobs of to_thread(), offloaded calls and
// other threads without a loop see their own thread's object, which nobody changes.
//
// It counts for the running loop of the calling thread and for every loop that is entered later. A
// loop that runs already on another thread does not notice: make it static, or before the loops.
// Made in a fiber, it leaves that one what stands in the object; all others begin anew.
//
// A switch to or from a fiber takes some ten nanoseconds more, and a task three allocations, in
// loops that have one; without one, nothing.
// What taking or putting throws ends the program. Its destructor may not race with loops on other
// threads that use it: they go on until they end.
// Lifetime: functions and objects named by it must outlive it and the loops of other threads that
// it counts for; one made of a T& must be destroyed before the thread that made it ends.
template <class T>
class fiber_owned {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>,
                "a fiber_owned holds an object: a class, a number, a pointer");

  template <class F>
  static constexpr bool is_where = std::is_invocable_r_v<T&, F&> &&
                                   !std::is_convertible_v<F&, T&> &&
                                   !std::is_same_v<std::decay_t<F>, fiber_owned>;

 public:
  // The calling thread's object at this address, in loops of this thread.
  // Parks: never.  Calls from: fiber, any thread.  Throws: std::bad_alloc, and what T() throws.
  explicit fiber_owned(T& object) : fiber_owned(object, [] { return T(); }) {}

  // The same where tasks begin with begin().
  template <class Begin, std::enable_if_t<std::is_invocable_r_v<T, Begin&>, int> = 0>
  fiber_owned(T& object, Begin begin) {
    start(at_address{&object}, std::move(begin), detail::thread_word());
  }

  // The object that where() names, as `T&`, on whatever thread: for a thread_local, of which each
  // thread has another one.  Parks, Calls from, Throws: as before.
  template <class Where, std::enable_if_t<is_where<Where>, int> = 0>
  explicit fiber_owned(Where where) : fiber_owned(std::move(where), [] { return T(); }) {}

  // The same where tasks begin with begin().
  template <class Where, class Begin,
            std::enable_if_t<is_where<Where> && std::is_invocable_r_v<T, Begin&>, int> = 0>
  fiber_owned(Where where, Begin begin) {
    start(std::move(where), std::move(begin), 0);
  }

  // State that is taken and put by functions.  Parks, Calls from, Throws: as before.
  explicit fiber_owned(owned_state<T> how) {
    entry_.what = std::make_shared<typed_object<by_functions>>(by_functions{std::move(how)});
    detail::add_owned(entry_);
  }

  // The calling fiber's value stays in the object; those of the other fibers of this loop, main's
  // too, are destroyed.  Parks: never.  Calls from: fiber, any thread.
  ~fiber_owned() { detail::remove_owned(entry_); }
  fiber_owned(const fiber_owned&) = delete;
  fiber_owned& operator=(const fiber_owned&) = delete;

 private:
  struct at_address {
    T* object;
    T& operator()() const noexcept { return *object; }
  };

  template <class Access>
  struct typed_value final : detail::owned_value {
    explicit typed_value(const Access& access) noexcept : access_(access) {}
    void put_aside() noexcept override { kept.emplace(access_.take()); }
    void put_back() noexcept override {
      if (!kept) return;
      access_.put(std::move(*kept));
      kept.reset();
    }
    std::optional<T> kept;

   private:
    const Access& access_;  // of the owned_object, which outlives the loops that have values of it
  };

  // One for each way to reach the state: Access has take(), put() and begin().
  template <class Access>
  struct typed_object final : detail::owned_object {
    explicit typed_object(Access a) : access(std::move(a)) {}
    std::unique_ptr<detail::owned_value> make(bool is_filled) const override {
      auto made = std::make_unique<typed_value<Access>>(access);
      made->of = this;
      if (is_filled) made->kept.emplace(access.begin());
      return made;
    }
    const Access access;
  };

  template <class Where, class Begin>
  struct in_place {
    T take() const { return T(std::move(where())); }
    void put(T&& one) const { where() = std::move(one); }
    T begin() const { return first(); }
    mutable Where where;
    mutable Begin first;
  };

  struct by_functions {
    T take() const { return how.take(); }
    void put(T&& one) const { how.put(std::move(one)); }
    T begin() const { return how.begin(); }
    owned_state<T> how;
  };

  template <class Where, class Begin>
  void start(Where where, Begin begin, std::uintptr_t thread) {
    using access = in_place<Where, Begin>;
    auto made = std::make_shared<typed_object<access>>(access{std::move(where), std::move(begin)});
    made->thread = thread;
    entry_.what = std::move(made);
    detail::add_owned(entry_);
  }

  detail::owned_entry entry_;
};

template <class T>
fiber_owned(T&) -> fiber_owned<T>;

WEFT_NAMESPACE_END
