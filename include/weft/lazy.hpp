// SPDX-License-Identifier: BSL-1.0
// A value that is made on first use, by a function that may wait. Layer: sync.
#pragma once

#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/once_core.hpp"
#include "weft/detail/sync_policy.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Makes a T when it is first asked for; who asks meanwhile waits for that one. weft::lazy<int> or,
// deduced from what the factory returns, weft::lazy settings([] { return read_settings(); }).
// Lifetime: must outlive all who wait, which the destructor asserts. The factory lives until it has
// made the value, or the lazy dies.
template <class T, class Policy>
class basic_lazy {
  static_assert(std::is_object_v<T> && !std::is_array_v<T>, "weft: lazy<T> holds an object");

 public:
  // Throws: std::bad_alloc; what copying the factory throws.
  template <class F, std::enable_if_t<!std::is_base_of_v<basic_lazy, std::decay_t<F>>, int> = 0>
  explicit basic_lazy(F&& make)
      : factory_(new typed_factory<std::decay_t<F>>(std::forward<F>(make))) {}
  basic_lazy(const basic_lazy&) = delete;
  basic_lazy& operator=(const basic_lazy&) = delete;
  ~basic_lazy() {
    if (core_.is_done()) value_.~T();
  }

  // The value. The first call makes it, in the caller's own fiber or thread; if that throws, the
  // next one tries. Once it is made this is one look, and no wait.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: what the factory throws; cancelled while it waits for another; std::logic_error if the
  // factory itself asks for the value.
  T& get() {
    if (WEFT_UNLIKELY(!core_.is_done()) && core_.begin("lazy::get()")) {
      once_attempt<Policy> attempt(core_);
      factory_->make(static_cast<void*>(std::addressof(value_)));
      factory_.reset();
      attempt.succeed();
    }
    return value_;
  }
  T& operator*() { return get(); }
  T* operator->() { return std::addressof(get()); }

  // The value if it is made already, else nullptr.  Parks: never.  Calls from: any thread.
  T* try_get() noexcept { return core_.is_done() ? std::addressof(value_) : nullptr; }

 private:
  struct factory {
    virtual ~factory() = default;
    virtual void make(void* place) = 0;
  };
  template <class F>
  struct typed_factory final : factory {
    template <class G>
    explicit typed_factory(G&& g) : f(std::forward<G>(g)) {}
    void make(void* place) override { ::new (place) T(f()); }
    F f;
  };

  once_core<Policy> core_;
  std::unique_ptr<factory> factory_;  // who makes the value has it for himself
  union {
    T value_;  // there once core_ is done
  };
};

}  // namespace detail

template <class T>
class lazy : public detail::basic_lazy<T, detail::any_thread> {
  using detail::basic_lazy<T, detail::any_thread>::basic_lazy;
};
template <class F>
lazy(F) -> lazy<std::decay_t<std::invoke_result_t<F&>>>;

// The same for the fibers of one loop, without atomic operations.
namespace local {
template <class T>
class lazy : public detail::basic_lazy<T, detail::one_loop> {
  using detail::basic_lazy<T, detail::one_loop>::basic_lazy;
};
template <class F>
lazy(F) -> lazy<std::decay_t<std::invoke_result_t<F&>>>;
}  // namespace local

WEFT_NAMESPACE_END
