// SPDX-License-Identifier: BSL-1.0
// A completion token of Asio: `n = socket.async_read_some(buffer, use_fiber)` waits in a fiber.
// Layer: sync. For Asio alone and for Boost.Asio, whichever was included before this header; weft
// includes neither for anybody else. The io_context runs on another thread, or on that of a guest's
// host, between its steps: a fiber that runs it holds up its own loop.
#pragma once

#if defined(ASIO_ASYNC_RESULT_HPP)
#include <asio/error.hpp>
#include <asio/post.hpp>
#include <asio/system_error.hpp>
#if __has_include(<asio/cancellation_signal.hpp>)
#include <asio/cancellation_signal.hpp>
#define WEFT_DETAIL_ASIO_CANCELS 1
#else
#define WEFT_DETAIL_ASIO_CANCELS 0  // before 1.19
#endif
#elif !defined(BOOST_ASIO_ASYNC_RESULT_HPP)
#error "include <asio.hpp> or <boost/asio.hpp> before weft/use_fiber.hpp"
#endif

// No include: weft's headers do not name Boost's.
#if defined(BOOST_ASIO_ASYNC_RESULT_HPP)
#if __has_include(<boost/asio/cancellation_signal.hpp>)
#define WEFT_DETAIL_BOOST_ASIO_CANCELS 1
#else
#define WEFT_DETAIL_BOOST_ASIO_CANCELS 0  // before 1.77
#endif
#if !defined(BOOST_ASIO_POST_HPP) || \
    (WEFT_DETAIL_BOOST_ASIO_CANCELS && !defined(BOOST_ASIO_CANCELLATION_SIGNAL_HPP))
#error \
    "weft/use_fiber.hpp needs all of <boost/asio.hpp> before it, or its post, cancellation_signal"
#endif
#endif

#include <atomic>
#include <cstddef>
#include <exception>
#include <future>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/foreign_wait.hpp"
#include "weft/detail/future_state.hpp"
#include "weft/detail/waiter.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class ErrorCode>
struct use_fiber_into {
  ErrorCode* error;
};

}  // namespace detail

// The token. The operation's results come back: none, the one, or several in a std::tuple; an
// error_code before them is thrown as std::system_error, an exception_ptr is rethrown.
// `use_fiber[ec]` puts the error_code into ec instead. On a plain thread the operation blocks it.
//
// Cancelled meanwhile, the fiber emits the operation's cancellation_signal, on the executor that
// the operation names, and waits for the handler: for an operation_aborted it throws `cancelled`,
// any other result is returned, and the next wait throws. With several threads in one io_context
// that executor must be a strand, as for any signal. An operation that names none (bind_executor
// and redirect_error hide it in older versions), or an Asio without signals, is waited for.
// Parks: may.  Calls from: fiber, any thread that does not run the io_context.
// Throws: std::system_error; cancelled; std::future_error (broken_promise) if the io_context was
// destroyed first; what the operation throws when it begins.
// Lifetime: buffers and objects may lie on the fiber's stack, for it waits until nothing uses them.
struct use_fiber_t {
  template <class ErrorCode>
  constexpr detail::use_fiber_into<ErrorCode> operator[](ErrorCode& error) const noexcept {
    return {&error};
  }

  // For `use_fiber_t::as_default_on_t<tcp::socket>`, whose operations need no token.
  template <class Inner>
  struct executor_with_default : Inner {
    using default_completion_token_type = use_fiber_t;
    template <class Other, std::enable_if_t<!std::is_same_v<Other, executor_with_default> &&
                                                std::is_convertible_v<const Other&, Inner>,
                                            int> = 0>
    executor_with_default(const Other& other) noexcept : Inner(other) {}
  };
  template <class T>
  using as_default_on_t =
      typename T::template rebind_executor<executor_with_default<typename T::executor_type>>::other;
};
inline constexpr use_fiber_t use_fiber{};

namespace detail {

// A thread may run the io_context, and the kernel ends the operation.
inline constexpr wait_type asio_wait{"asio", ended_by::world};

// What the operation's handler writes and the fiber reads; on the fiber's stack.
template <class... Args>
struct asio_wait_state {
  std::optional<std::tuple<std::decay_t<Args>...>> results;  // none: the handler was never called
  std::atomic<bool> is_complete{false};                      // for who would cancel it
  waker done;
};

// The completion handler: who has it, owes the fiber a signal.
template <class State>
class asio_handler_base {
 public:
  explicit asio_handler_base(State& state) noexcept : state_(&state) {}
  asio_handler_base(asio_handler_base&& other) noexcept
      : state_(std::exchange(other.state_, nullptr)) {}
  asio_handler_base& operator=(asio_handler_base&&) = delete;
  ~asio_handler_base() {
    if (state_ != nullptr) end();  // never called: the io_context is gone
  }

  template <class... Values>
  void operator()(Values&&... values) {
    state_->results.emplace(std::forward<Values>(values)...);
    end();
  }

 private:
  void end() noexcept {
    State& state = *std::exchange(state_, nullptr);
    // release; pairs with asio_stop::emit()
    state.is_complete.store(true, std::memory_order_release);
    state.done.signal();  // the state may be gone from here on
  }

  State* state_;
};

template <class State, class Slot>
class asio_handler : public asio_handler_base<State> {
 public:
  using cancellation_slot_type = Slot;
  asio_handler(State& state, Slot slot) noexcept : asio_handler_base<State>(state), slot_(slot) {}
  Slot get_cancellation_slot() const noexcept { return slot_; }

 private:
  Slot slot_;
};

// Emits an operation's signal where the operation runs. Who made it waits for finish(): the signal
// must not be emitted when the fiber has gone on.
template <class Api, class State>
class asio_stop {
 public:
  explicit asio_stop(State& state) noexcept : state_(state) {}
  asio_stop(const asio_stop&) = delete;
  asio_stop& operator=(const asio_stop&) = delete;

  auto slot() noexcept { return signal_.slot(); }

  template <class Executor>
  void request(const Executor& where) {
    is_requested_ = true;
    Api::post(where, message(*this));
  }
  void finish() noexcept {
    if (is_requested_) is_over_.wait(asio_wait);
  }

 private:
  class message {
   public:
    explicit message(asio_stop& stop) noexcept : stop_(&stop) {}
    message(message&& other) noexcept : stop_(std::exchange(other.stop_, nullptr)) {}
    message& operator=(message&&) = delete;
    ~message() {
      if (stop_ != nullptr) stop_->is_over_.signal();
    }
    void operator()() { stop_->emit(); }  // the destructor says that it is over

   private:
    asio_stop* stop_;
  };

  void emit() {
    // The operation's objects may have ended with it. acquire; pairs with its handler
    if (!state_.is_complete.load(std::memory_order_acquire)) Api::emit(signal_);
  }

  State& state_;
  typename Api::signal signal_;
  waker is_over_;
  bool is_requested_ = false;
};

inline std::nullptr_t place_of(const use_fiber_t&) noexcept { return nullptr; }
template <class ErrorCode>
ErrorCode* place_of(const use_fiber_into<ErrorCode>& token) noexcept {
  return token.error;
}

template <class Api, class ErrorCode>
bool is_abort(const ErrorCode& error) noexcept {
  return Api::is_abort(error);
}
template <class Api>
bool is_abort(const std::exception_ptr& error) noexcept {
  try {
    std::rethrow_exception(error);
  } catch (const typename Api::system_error& e) {
    return Api::is_abort(e.code());
  } catch (...) {
    return false;
  }
}

// An error before the results: into its place, or thrown.
template <class Api, class Token, class Error>
void settle(Error& error, const Token& token, bool was_stopped) {
  using place = decltype(place_of(token));
  constexpr bool is_code = !std::is_same_v<Error, std::exception_ptr>;
  if constexpr (is_code && !std::is_null_pointer_v<place>) *place_of(token) = error;
  if (!error) return;
  if constexpr (Api::cancels) {
    if (was_stopped && is_abort<Api>(error)) throw_cancelled(*running_loop());
  }
  if constexpr (!is_code) {
    std::rethrow_exception(std::exchange(error, nullptr));
  } else if constexpr (std::is_null_pointer_v<place>) {
    throw std::system_error(error);
  }
}

template <class T>
inline constexpr bool is_asio_error =
    std::is_convertible_v<T, std::error_code> || std::is_same_v<T, std::exception_ptr>;

template <class... T>
std::tuple<T...> give(std::tuple<T...>&& values) {
  return std::move(values);
}
template <class T>
T give(std::tuple<T>&& value) {
  return std::move(std::get<0>(value));
}
inline void give(std::tuple<>&&) {}

template <class Api, class Token, class... T>
auto take_results(std::tuple<T...>& all, const Token&, bool) {
  return give(std::move(all));
}
template <class Api, class Token, class First, class... Rest,
          std::enable_if_t<is_asio_error<First>, int> = 0>
auto take_results(std::tuple<First, Rest...>& all, const Token& token, bool was_stopped) {
  settle<Api>(std::get<0>(all), token, was_stopped);
  return std::apply(
      [](First&, Rest&... rest) { return give(std::tuple<Rest...>(std::move(rest)...)); }, all);
}

template <class I, class = void>
inline constexpr bool names_executor = false;
template <class I>
inline constexpr bool names_executor<I, std::void_t<decltype(std::declval<I&>().get_executor())>> =
    true;

// What async_result is for both tokens.
template <class Api, class Token, class... Args>
struct asio_fiber_result {
  using state = asio_wait_state<Args...>;
  using return_type = decltype(take_results<Api>(std::declval<std::tuple<std::decay_t<Args>...>&>(),
                                                 std::declval<const Token&>(), false));

  template <class Initiation, class RawToken, class... A>
  static return_type initiate(Initiation&& begin, RawToken&& raw_token, A&&... args) {
    if (loop_core* const here = fibers_loop()) throw_if_cancelled(*here);
    const Token token = raw_token;
    state waiting;
    bool was_stopped = false;
    if constexpr (Api::cancels && names_executor<Initiation>) {
      const auto where = begin.get_executor();
      asio_stop<Api, state> stop(waiting);
      using slot = decltype(stop.slot());
      std::forward<Initiation>(begin)(asio_handler<state, slot>(waiting, stop.slot()),
                                      std::forward<A>(args)...);
      was_stopped = wait_or_stop(waiting.done, asio_wait, [&] { stop.request(where); });
      stop.finish();
    } else {
      std::forward<Initiation>(begin)(asio_handler_base<state>(waiting), std::forward<A>(args)...);
      waiting.done.wait(asio_wait);
    }
    if (!waiting.results) throw_future_error(static_cast<int>(std::future_errc::broken_promise));
    return take_results<Api>(*waiting.results, token, was_stopped);
  }
};

}  // namespace detail
WEFT_NAMESPACE_END

#if defined(ASIO_ASYNC_RESULT_HPP)
WEFT_NAMESPACE_BEGIN
namespace detail {
struct asio_calls {
  static constexpr bool cancels = WEFT_DETAIL_ASIO_CANCELS != 0;
#if WEFT_DETAIL_ASIO_CANCELS
  using signal = ::asio::cancellation_signal;
  using system_error = ::asio::system_error;
  static void emit(signal& one) { one.emit(::asio::cancellation_type::all); }
  static bool is_abort(const ::asio::error_code& error) noexcept {
    return error == ::asio::error::operation_aborted;
  }
  template <class Executor, class F>
  static void post(const Executor& where, F&& f) {
    ::asio::post(where, std::forward<F>(f));
  }
#endif
};
}  // namespace detail
WEFT_NAMESPACE_END

template <class R, class... Args>
class asio::async_result<weft::use_fiber_t, R(Args...)>
    : public weft::detail::asio_fiber_result<weft::detail::asio_calls, weft::use_fiber_t, Args...> {
};
template <class ErrorCode, class R, class... Args>
class asio::async_result<weft::detail::use_fiber_into<ErrorCode>, R(Args...)>
    : public weft::detail::asio_fiber_result<weft::detail::asio_calls,
                                             weft::detail::use_fiber_into<ErrorCode>, Args...> {};
#endif

#if defined(BOOST_ASIO_ASYNC_RESULT_HPP)
WEFT_NAMESPACE_BEGIN
namespace detail {
struct boost_asio_calls {
  static constexpr bool cancels = WEFT_DETAIL_BOOST_ASIO_CANCELS != 0;
#if WEFT_DETAIL_BOOST_ASIO_CANCELS
  using signal = ::boost::asio::cancellation_signal;
  using system_error = ::boost::system::system_error;
  static void emit(signal& one) { one.emit(::boost::asio::cancellation_type::all); }
  static bool is_abort(const ::boost::system::error_code& error) noexcept {
    return error == ::boost::asio::error::operation_aborted;
  }
  template <class Executor, class F>
  static void post(const Executor& where, F&& f) {
    ::boost::asio::post(where, std::forward<F>(f));
  }
#endif
};
}  // namespace detail
WEFT_NAMESPACE_END

template <class R, class... Args>
class boost::asio::async_result<weft::use_fiber_t, R(Args...)>
    : public weft::detail::asio_fiber_result<weft::detail::boost_asio_calls, weft::use_fiber_t,
                                             Args...> {};
template <class ErrorCode, class R, class... Args>
class boost::asio::async_result<weft::detail::use_fiber_into<ErrorCode>, R(Args...)>
    : public weft::detail::asio_fiber_result<weft::detail::boost_asio_calls,
                                             weft::detail::use_fiber_into<ErrorCode>, Args...> {};
#endif
