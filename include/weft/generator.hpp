// SPDX-License-Identifier: BSL-1.0
// Generators with a stack of their own: the body yields from however deep a recursion, with one
// switch a value. Layer: task. No loop is needed; in a task the body may also wait.
//
//   void walk(const node* n, weft::yielder<int>& out) {
//     if (n == nullptr) return;
//     walk(n->left, out);
//     out(n->value);
//     walk(n->right, out);
//   }
//   weft::generator<int> all([&](weft::yielder<int>& out) { walk(root, out); });
//   for (int value : all) ...
//
// Some facts:
// - The body runs as a part of whoever calls next(): in that task (its name, its cancels, its
//   timeouts), one after the other, never at the same time. What it yields lies in its own frame;
//   it is not copied, and good until the next step.
// - A wait inside the body is a wait of the task that called next(), and goes on inside the body.
// - The exception state is each side's own: a body may yield inside a catch block. errno and the
//   floating-point environment are shared, as by a call (with fcontext on x86-64 rounding mode and
//   masks are each side's own).
// - A body may not yield inside a cancel scope, timeout, shield or task group that it has opened
//   (as PEP 789 wants it for Python): who calls next() would stand inside, too.
// - The stack is taken at the first next(), on its thread, and kept for the thread's next generator
//   when the body has ended. Another thread can't go on with it.
#pragma once

#include <cstddef>
#include <exception>
#include <iterator>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/detail/generator_core.hpp"

WEFT_NAMESPACE_BEGIN

template <class Y, class Send>
class generator;

namespace detail {
template <class Y, class Send, class F>
struct generator_record;
}

// What the body yields with. Y may be a reference; a Send other than void is what send() brings.
template <class Y, class Send = void>
class yielder : detail::generator_core {
 public:
  // Yields `value`: next() returns true, and value() refers to it until the body goes on. Returns
  // what send() was given, Send{} after next().
  // Parks: never (who called next() may).  Calls from: the generator's body, and what it calls.
  // Throws: what throw_in() was given; an exception of weft's own, not derived from std::exception,
  // if the generator is to end (a body that catches it is thrown at again at its next yield);
  // std::logic_error inside a cancel scope or task group of the body, and on another stack.
  WEFT_INLINE Send operator()(Y value) {
    detail::suspend(*this, address_of(value));
    if constexpr (!std::is_void_v<Send>) return take_sent();
  }

 private:
  friend class generator<Y, Send>;
  template <class, class, class>
  friend struct detail::generator_record;
  using detail::generator_core::generator_core;

  template <class T>
  static void* address_of(T& object) noexcept {
    return const_cast<void*>(static_cast<const volatile void*>(std::addressof(object)));
  }

  Send take_sent() {
    if constexpr (std::is_default_constructible_v<Send>) {
      if (sent == nullptr) return Send();
    }
    return static_cast<Send&&>(*static_cast<std::remove_reference_t<Send>*>(sent));
  }
};

namespace detail {

template <class Y, class Send, class F>
struct generator_record final : yielder<Y, Send> {
  template <class G>
  generator_record(G&& given, std::size_t bytes, const spawn_site& where)
      : yielder<Y, Send>(kind, bytes, where), body(std::in_place, std::forward<G>(given)) {}

  static generator_record& of(generator_core& core) noexcept {
    return static_cast<generator_record&>(static_cast<yielder<Y, Send>&>(core));
  }
  static void run(generator_core& core) {
    static_cast<void>((*of(core).body)(static_cast<yielder<Y, Send>&>(of(core))));
  }
  static void drop_body(generator_core& core) noexcept { of(core).body.reset(); }
  static void free(generator_core& core) noexcept { delete &of(core); }
  static constexpr generator_ops kind{&run, &drop_body, &free};

  std::optional<F> body;
};

// The parameter of a send() that can't be called.
struct nothing_to_send {};
template <class Send>
using send_parameter = std::conditional_t<std::is_void_v<Send>, nothing_to_send, Send>;

// An input iterator: one step forward moves the generator on.
template <class Y, class Send>
class generator_iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = std::remove_cv_t<std::remove_reference_t<Y>>;
  using difference_type = std::ptrdiff_t;
  using reference = Y&;
  using pointer = std::add_pointer_t<Y>;

  generator_iterator() noexcept = default;  // the end
  explicit generator_iterator(generator_core& core) noexcept : core_(&core) {}

  reference operator*() const noexcept { return *static_cast<pointer>(core_->yielded); }
  pointer operator->() const noexcept { return static_cast<pointer>(core_->yielded); }

  WEFT_INLINE generator_iterator& operator++() {
    if constexpr (!std::is_void_v<Send>) core_->sent = nullptr;
    if (!resume(*core_)) core_ = nullptr;
    return *this;
  }

  // For `*it++`, as C++17's algorithms may write it: a copy of the value, taken before the step.
  auto operator++(int) {
    if constexpr (std::is_copy_constructible_v<value_type>) {
      struct kept {
        value_type value;
        value_type& operator*() noexcept { return value; }
      } before{**this};
      ++*this;
      return before;
    } else {
      ++*this;
    }
  }

  // Equal if both are at the end, or none is: as std::istream_iterator's.
  friend bool operator==(const generator_iterator& a, const generator_iterator& b) noexcept {
    return (a.core_ == nullptr) == (b.core_ == nullptr);
  }
  friend bool operator!=(const generator_iterator& a, const generator_iterator& b) noexcept {
    return !(a == b);
  }

 private:
  generator_core* core_ = nullptr;
};

}  // namespace detail

// Yields values of type Y that its body makes one by one, when they are asked for.
// Lifetime: a body that has begun must end, or the generator be destroyed, on the thread of the
// first next(). Destroying it earlier runs the destructors on the body's stack; an error that comes
// out of them is reported. Destroying it while the body runs ends the process. It may outlive its
// loop.
template <class Y, class Send = void>
class [[nodiscard]] generator {
  template <class F>
  using body_of = std::enable_if_t<std::is_invocable_v<std::decay_t<F>&, yielder<Y, Send>&>, int>;

 public:
  using iterator = detail::generator_iterator<Y, Send>;
  using value_type = typename iterator::value_type;

  generator() noexcept = default;  // one that has ended

  // Keeps body(yielder<Y, Send>&), which does not run before the first next().
  // Parks: never.  Calls from: fiber, any thread.  Throws: std::bad_alloc, what moving body throws.
  template <class F, body_of<F> = 0>
  explicit generator(F&& body, detail::spawn_site site = detail::spawn_site::here())
      : generator(0, std::forward<F>(body), site) {}

  // The same with at least so many bytes of stack, for a deep recursion; 0: as many as the loop's
  // fibers have, 256 KiB without a loop.
  template <class F, body_of<F> = 0>
  generator(std::size_t stack_bytes, F&& body, detail::spawn_site site = detail::spawn_site::here())
      : core_(new detail::generator_record<Y, Send, std::decay_t<F>>(std::forward<F>(body),
                                                                     stack_bytes, site)) {}

  generator(generator&& other) noexcept : core_(std::exchange(other.core_, nullptr)) {}
  generator& operator=(generator&& other) noexcept {
    if (this != &other) {
      if (core_ != nullptr) detail::destroy_generator(*core_);
      core_ = std::exchange(other.core_, nullptr);
    }
    return *this;
  }
  ~generator() {
    if (core_ != nullptr) detail::destroy_generator(*core_);
  }

  // Runs the body until it yields: true. False if it has ended, then and ever after.
  // Parks: may, if the body waits.  Calls from: fiber, any thread.
  // Throws: what the body throws, `cancelled` from its waits included; after that it has ended.
  // std::logic_error from inside the body, while it waits for another caller, on another thread
  // than before, and for an impossible stack size; std::bad_alloc for the stack, and the generator
  // is as before.
  WEFT_INLINE bool next() {
    if (WEFT_UNLIKELY(core_ == nullptr)) return false;
    if constexpr (!std::is_void_v<Send>) {
      if constexpr (!std::is_default_constructible_v<Send>) {
        if (core_->yielded != nullptr) {
          detail::refuse_send("next() of a generator whose body waits for a value: use send()");
        }
      }
      core_->sent = nullptr;
    }
    return detail::resume(*core_);
  }

  // What was yielded last: the very object, in the body's frame. It may be moved from.
  // Throws: std::logic_error if there is none.  Lifetime: until the next step.
  Y& value() const {
    if (WEFT_UNLIKELY(core_ == nullptr || core_->yielded == nullptr)) detail::refuse_value();
    return *static_cast<typename iterator::pointer>(core_->yielded);
  }

  // As next(), and the yield returns `value`; false, with the value dropped, if the body has ended.
  // Throws: as next(); std::logic_error before the first next(): no yield is there to return it.
  WEFT_INLINE bool send(detail::send_parameter<Send> value) {
    static_assert(!std::is_void_v<Send>, "say generator<Y, Send> to send values");
    if (WEFT_UNLIKELY(core_ == nullptr)) return false;
    if (WEFT_UNLIKELY(core_->state == detail::generator_state::fresh)) {
      detail::refuse_send("send() before the first next() of a generator: no yield waits for it");
    }
    core_->sent = yielder<Y, Send>::address_of(value);
    return detail::resume(*core_);
  }

  // As next(), and the yield throws `error`. Before the first next() the body never runs and after
  // its end there is none: then error comes out of here.
  // Throws: as next(); std::logic_error for nullptr.
  bool throw_in(std::exception_ptr error) {
    if (core_ == nullptr) std::rethrow_exception(std::move(error));
    return detail::throw_into(*core_, std::move(error));
  }

  // Ends the body as destroying the generator would: its destructors run. Nothing if it has ended.
  // Parks: may, if these wait.  Throws: what the body throws on its way out; std::logic_error as
  // next().
  void close() {
    if (core_ != nullptr) detail::close_generator(*core_);
  }

  // True once the body has ended.  Parks: never.
  bool done() const noexcept {
    return core_ == nullptr || core_->state == detail::generator_state::done;
  }

  // Takes a step, and goes on from there.  Parks, throws: as next().
  iterator begin() { return next() ? iterator(*core_) : iterator(); }
  iterator end() noexcept { return iterator(); }

 private:
  yielder<Y, Send>* core_ = nullptr;
};

WEFT_NAMESPACE_END
