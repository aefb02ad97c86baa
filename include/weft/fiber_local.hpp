// SPDX-License-Identifier: BSL-1.0
// A variable of which each fiber has its own: a request's id, a user, a logger's prefix. A task
// begins with what its spawner had, and changes of one are invisible to the other. Layer: loop.
// What thread_local is for threads, and contextvars for asyncio.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/local_node.hpp"

WEFT_NAMESPACE_BEGIN

// A spawn copies no value: parent and child share the same object, as const, until one of them sets
// another one. So what is behind a T that refers to something (a pointer, say) stays shared.
// If tasks go to other loops (loop_pool), several threads read one object at the same time: its
// const functions must allow that; and the last to go destroys it, on whatever thread that is.
// A fiber without any value costs nothing; a spawn costs a counted pointer; a value is found by a
// walk over the variables that the fiber and its ancestors have set, so have few of them.
// Inherited: by spawn(), groups, gather and race, loop_pool::spawn() and on_done(), from the fiber
// that calls them, as of that moment; by main from its thread. Callables that are posted, and tasks
// that a plain thread starts in another thread's loop, begin with nothing.
// Lifetime: values live until the fibers that share them have ended, even if the variable is gone.
template <class T>
class fiber_local {
  static_assert(std::is_object_v<T> && !std::is_const_v<T> && !std::is_array_v<T>,
                "a fiber_local holds an object: a class, a number, a pointer");

 public:
  // Without a value, get() throws.
  fiber_local() = default;

  // Without a value, get() is this one.
  explicit fiber_local(T value_at_first) : at_first_(std::move(value_at_first)) {}

  // Without a value, get() sets the fiber's to what f() returns.
  template <class F,
            std::enable_if_t<std::is_invocable_r_v<T, F&> && !std::is_convertible_v<F, T>, int> = 0>
  explicit fiber_local(F f) : make_(std::move(f)) {}

  fiber_local(const fiber_local&) = delete;
  fiber_local& operator=(const fiber_local&) = delete;

  // The value of the calling fiber, or thread.
  // Parks: never, unless the function that makes the first value does.
  // Calls from: fiber, any thread.  Throws: std::logic_error if there is none and no default;
  // std::bad_alloc and what the function throws, if it is called.
  // Lifetime: valid until this fiber sets or resets the variable, or ends.
  const T& get() const {
    if (const T* const value = find()) return *value;
    if (at_first_) return *at_first_;
    if (!make_) detail::throw_no_local();
    set(make_());
    return *find();
  }
  const T& operator*() const { return get(); }
  const T* operator->() const { return &get(); }

  // The value that the fiber was given or inherited; nullptr if it has none, whatever the default.
  // Parks: never.  Calls from, Lifetime: as get().
  const T* find() const noexcept {
    const std::shared_ptr<const void>* const value = detail::find_local(key_);
    return value != nullptr ? static_cast<const T*>(value->get()) : nullptr;
  }

  // Gives the calling fiber, or thread, another value; tasks that were spawned before keep theirs.
  // Parks: never, unless the destructor of the value before does.  Calls from: fiber, any thread.
  // Throws: std::bad_alloc and what moving T throws, with nothing done.
  void set(T value) const {
    auto made = std::make_unique<detail::local_node>();
    made->key = key_;
    made->value = std::make_shared<const T>(std::move(value));
    detail::set_local(std::move(made));
  }

  // Takes the value away, so that the default holds again.
  // Parks, Calls from: as set().  Throws: std::bad_alloc, with nothing done.
  void reset() const { detail::reset_local(key_); }

  // Sets a value for a block; on the way out the variable is as it was before.
  class scope {
   public:
    // Parks, Calls from, Throws: as set().  Lifetime: within one fiber; the variable must outlive
    // it.
    scope(const fiber_local& variable, T value) : before_(std::make_unique<detail::local_node>()) {
      before_->key = variable.key_;
      if (const auto* const old = detail::find_local(variable.key_)) before_->value = *old;
      variable.set(std::move(value));
    }
    ~scope() { detail::set_local(std::move(before_)); }
    scope(const scope&) = delete;
    scope& operator=(const scope&) = delete;

   private:
    std::unique_ptr<detail::local_node> before_;  // made early: the way out cannot fail
  };

 private:
  const std::uint64_t key_ = detail::new_local_key();
  const std::optional<T> at_first_;
  const std::function<T()> make_;
};

WEFT_NAMESPACE_END
