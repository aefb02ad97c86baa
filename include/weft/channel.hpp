// SPDX-License-Identifier: BSL-1.0
// Channels: values handed from one fiber or thread to another, with a bound. Layer: sync. For one
// value use a promise; for every listener to have every value, broadcast.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <optional>
#include <utility>

#include "weft/detail/channel_core.hpp"
#include "weft/detail/channel_iterator.hpp"
#include "weft/detail/chooser.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/errors.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

[[noreturn]] WEFT_API void throw_channel_closed();
[[noreturn]] WEFT_API void misuse_of_local(const char* what);

}  // namespace detail

// How recv_until() ended.
enum class recv_end : std::uint8_t { value, closed, timed_out };

namespace detail {

template <class T, class Policy>
class channel_iterator;

// Hands values over in order. Capacity 0 is a rendezvous: send() returns only after a receiver took
// the value. Else up to `capacity` values wait inside, and send() parks while it is full.
// Values are moved; they need not be copyable. If a move throws, the channel is as before and the
// error is that of the call. No user code runs under the channel's lock.
// Lifetime: must outlive all who wait at it; the destructor asserts that nobody does.
template <class T, class Policy>
class basic_channel {
 public:
  using value_type = T;

  // Throws: std::bad_alloc.
  explicit basic_channel(std::size_t capacity = 0) : core_(capacity) {}

  // Hands `value` over. One that was taken counts as sent, even if a cancel comes after it.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: closed_error if the channel is closed, and cancelled: `value` is then untouched; what
  // T's move constructor throws.
  WEFT_INLINE void send(T&& value) { send_until(value, time_point::max()); }
  WEFT_INLINE void send(const T& value) {
    T copy(value);
    send_until(copy, time_point::max());
  }

  // The same until a deadline; false, and `value` untouched, if it came first.
  WEFT_INLINE bool send_until(T& value, time_point deadline) {
    loop_core* const here = fibers_loop();
    {
      hold_guard hold(core_.guard, here);
      if (!core_.send_quickly(value, here)) {
        claimed_waiters woken(here);
        const release_first order(hold);
        if (WEFT_UNLIKELY(core_.is_closed())) throw_channel_closed();
        if (!core_.send(value, woken)) return wait_to_send(here, value, deadline, hold, woken);
      }
    }
    spend_of(here);
    return true;
  }

  // Hands `value` over if that is possible at once.  Parks: never.  Calls from: fiber, any thread.
  // Throws: closed_error; what T's move constructor throws.
  [[nodiscard]] WEFT_INLINE bool try_send(T&& value) {
    loop_core* const here = fibers_loop();
    claimed_waiters woken(here);
    const hold_guard hold(core_.guard, here);
    if (WEFT_UNLIKELY(core_.is_closed())) throw_channel_closed();
    return core_.send(value, woken);
  }

  // Takes the next value; empty if the channel is closed and drained.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: cancelled; what T's move constructor throws, the value is then still inside.
  WEFT_INLINE std::optional<T> recv() { return recv_until(time_point::max()); }

  // The same until a deadline; empty as well if it came first. `why`, if given, tells which it was.
  WEFT_INLINE std::optional<T> recv_until(time_point deadline, recv_end* why = nullptr) {
    std::optional<T> out;
    const recv_end end = receive(out, deadline);
    if (why != nullptr) *why = end;
    return out;
  }

  // Takes a value into `to` if one is there.  Parks: never.  Calls from: fiber, any thread.
  // False also if the channel is closed and drained: is_closed() tells.
  [[nodiscard]] bool try_recv(T& to) {
    std::optional<T> out;
    {
      loop_core* const here = fibers_loop();
      claimed_waiters woken(here);
      const hold_guard hold(core_.guard, here);
      if (!core_.receive(out, woken)) return false;
    }
    to = std::move(*out);
    return true;
  }

  // Refuses all further values. Receivers get what is inside, then nothing; who waits in send()
  // gets closed_error and keeps its value. Closing again changes nothing.
  // Parks: never.  Calls from: fiber, any thread.
  void close() noexcept {
    loop_core* const here = fibers_loop();
    claimed_waiters woken(here);
    const hold_guard hold(core_.guard, here);
    core_.close(woken);
  }

  // What another thread may have changed a moment later.  Calls from: any thread.
  bool is_closed() const noexcept {
    const hold_guard hold(core_.guard, running_loop());
    return core_.is_closed();
  }
  std::size_t size() const noexcept {
    const hold_guard hold(core_.guard, running_loop());
    return core_.queued();
  }
  std::size_t capacity() const noexcept { return core_.capacity(); }

  // for (T& value : channel): recv() until it is closed and drained.
  channel_iterator<T, Policy> begin() { return channel_iterator<T, Policy>(*this); }
  channel_iterator<T, Policy> end() noexcept { return {}; }

  // For select.
  channel_core<T, Policy>& core() noexcept { return core_; }

 private:
  class hold_guard {
   public:
    // `here`: the running loop, or nullptr.
    WEFT_INLINE hold_guard(typename Policy::lock& lock, const loop_core* here) noexcept
        : lock_(lock) {
      take(here);
    }
    WEFT_INLINE ~hold_guard() {
      if (is_held_) lock_.unlock();
    }
    hold_guard(const hold_guard&) = delete;
    hold_guard& operator=(const hold_guard&) = delete;

    WEFT_INLINE void take(const loop_core* here) noexcept {
      note_access(here, &lock_, access::writes);  // for testing::explore
      lock_.lock();
      is_held_ = true;
    }
    WEFT_INLINE void release() noexcept {
      if (is_held_) lock_.unlock();
      is_held_ = false;
    }

   private:
    typename Policy::lock& lock_;
    bool is_held_ = false;
  };

  // Who was claimed under the lock is signalled after it.
  class release_first {
   public:
    WEFT_INLINE explicit release_first(hold_guard& hold) noexcept : hold_(hold) {}
    WEFT_INLINE ~release_first() { hold_.release(); }
    release_first(const release_first&) = delete;
    release_first& operator=(const release_first&) = delete;

   private:
    hold_guard& hold_;
  };

  WEFT_INLINE recv_end receive(std::optional<T>& out, time_point deadline) {
    loop_core* const here = fibers_loop();
    {
      hold_guard hold(core_.guard, here);
      if (!core_.receive_quickly(out, here)) {
        claimed_waiters woken(here);
        const release_first order(hold);
        if (!core_.receive(out, woken)) return wait_to_receive(here, out, deadline, hold, woken);
      }
    }
    spend_of(here);
    return recv_end::value;
  }

  // What cannot be done at once. The lock is held at the call; `woken` dies after it is released.
  // Inline: two fibers that take turns here leave by one another's return addresses, which the
  // processor predicts wrongly (8 ns a message).
  WEFT_INLINE bool wait_to_send(loop_core* here, T& value, time_point deadline, hold_guard& hold,
                                claimed_waiters& woken) {
    require_loop_if_local(here);
    const channel_verdict verdict = queue_to_send(here, value, deadline, hold, false);
    if (WEFT_LIKELY(verdict == channel_verdict::done)) return true;
    return send_again(here, value, deadline, hold, woken, verdict);
  }
  WEFT_INLINE recv_end wait_to_receive(loop_core* here, std::optional<T>& out, time_point deadline,
                                       hold_guard& hold, claimed_waiters& woken) {
    if (core_.is_over()) return recv_end::closed;
    require_loop_if_local(here);
    const channel_verdict verdict = queue_to_receive(here, out, deadline, hold, false);
    if (WEFT_LIKELY(verdict == channel_verdict::done)) return recv_end::value;
    return receive_again(here, out, deadline, hold, woken, verdict);
  }

  // The lock is held at the call and not afterwards.
  WEFT_INLINE channel_verdict queue_to_send(loop_core* here, T& value, time_point deadline,
                                            hold_guard& hold, bool is_first) {
    channel_waiter own(here, std::addressof(value));
    core_.wait_to_send(own, is_first);
    hold.release();
    if (!wait_or_throw(own, core_.guard, send_wait, deadline)) return channel_verdict::timed_out;
    return own.came_to();
  }
  WEFT_INLINE channel_verdict queue_to_receive(loop_core* here, std::optional<T>& out,
                                               time_point deadline, hold_guard& hold,
                                               bool is_first) {
    channel_waiter own(here, &out);
    core_.wait_to_receive(own, is_first);
    hold.release();
    if (!wait_or_throw(own, core_.guard, receive_wait, deadline)) return channel_verdict::timed_out;
    return own.came_to();
  }

  WEFT_NOINLINE bool send_again(loop_core* here, T& value, time_point deadline, hold_guard& hold,
                                claimed_waiters& woken, channel_verdict verdict) {
    while (verdict != channel_verdict::done) {
      if (verdict == channel_verdict::timed_out) return false;
      hold.take(here);
      if (core_.is_closed()) throw_channel_closed();
      if (core_.send(value, woken)) return true;
      verdict = queue_to_send(here, value, deadline, hold, true);
    }
    return true;
  }
  WEFT_NOINLINE recv_end receive_again(loop_core* here, std::optional<T>& out, time_point deadline,
                                       hold_guard& hold, claimed_waiters& woken,
                                       channel_verdict verdict) {
    while (verdict != channel_verdict::done) {
      if (verdict == channel_verdict::timed_out) return recv_end::timed_out;
      hold.take(here);
      if (core_.receive(out, woken)) return recv_end::value;
      if (core_.is_over()) return recv_end::closed;
      verdict = queue_to_receive(here, out, deadline, hold, true);
    }
    return recv_end::value;
  }

  static void require_loop_if_local(loop_core* here) {
    if constexpr (Policy::is_local) {
      if (here == nullptr) misuse_of_local("a local::channel");
    }
  }

  static constexpr wait_type send_wait{"channel send", Policy::by};
  static constexpr wait_type receive_wait{"channel receive", Policy::by};

  mutable channel_core<T, Policy> core_;
};

}  // namespace detail

template <class T>
using channel = detail::basic_channel<T, detail::any_thread>;

namespace detail {

// A channel with as many owners of each end as there are halves.
template <class T>
struct shared_channel {
  explicit shared_channel(std::size_t capacity) : inside(capacity) {}
  channel<T> inside;
  std::atomic<std::size_t> senders{1};
  std::atomic<std::size_t> receivers{1};
};

// One half: a counted reference. The last of a kind closes the channel.
template <class T, std::atomic<std::size_t> shared_channel<T>::*Count>
class channel_half {
 public:
  channel_half() noexcept = default;
  explicit channel_half(std::shared_ptr<shared_channel<T>> shared) noexcept
      : shared_(std::move(shared)) {}
  channel_half(const channel_half& other) noexcept : shared_(other.shared_) {
    if (shared_) ((*shared_).*Count).fetch_add(1, std::memory_order_relaxed);
  }
  channel_half(channel_half&& other) noexcept = default;
  channel_half& operator=(channel_half other) noexcept {
    std::swap(shared_, other.shared_);
    return *this;
  }
  ~channel_half() { reset(); }

  // Gives this half up; the last of its kind closes the channel.
  // Parks: never.  Calls from: any thread.
  void reset() noexcept {
    // acq_rel: what the others did with theirs comes before the close
    if (shared_ && ((*shared_).*Count).fetch_sub(1, std::memory_order_acq_rel) == 1) {
      shared_->inside.close();
    }
    shared_.reset();
  }
  // False for a default-constructed, moved-from or given-up half.
  bool valid() const noexcept { return shared_ != nullptr; }

  channel_core<T, any_thread>& core() const { return channel_of().core(); }

 protected:
  channel<T>& channel_of() const {
    if (!shared_) misuse("a half of a channel was used that is empty: it was moved or given up");
    return shared_->inside;
  }

 private:
  std::shared_ptr<shared_channel<T>> shared_;
};

}  // namespace detail

// The sending half of make_channel(). Copies count; when the last is gone, the channel is closed.
// Its functions are those of channel; on an empty half they throw std::logic_error.
template <class T>
class sender : public detail::channel_half<T, &detail::shared_channel<T>::senders> {
  using half = detail::channel_half<T, &detail::shared_channel<T>::senders>;

 public:
  using half::half;
  void send(T&& value) const { this->channel_of().send(std::move(value)); }
  void send(const T& value) const { this->channel_of().send(value); }
  bool send_until(T& value, time_point deadline) const {
    return this->channel_of().send_until(value, deadline);
  }
  [[nodiscard]] bool try_send(T&& value) const {
    return this->channel_of().try_send(std::move(value));
  }
  void close() const noexcept {
    if (this->valid()) this->channel_of().close();
  }
};

// The receiving half. When the last is gone, senders get closed_error.
template <class T>
class receiver : public detail::channel_half<T, &detail::shared_channel<T>::receivers> {
  using half = detail::channel_half<T, &detail::shared_channel<T>::receivers>;

 public:
  using half::half;
  std::optional<T> recv() const { return this->channel_of().recv(); }
  std::optional<T> recv_until(time_point deadline, recv_end* why = nullptr) const {
    return this->channel_of().recv_until(deadline, why);
  }
  [[nodiscard]] bool try_recv(T& to) const { return this->channel_of().try_recv(to); }
  auto begin() const { return this->channel_of().begin(); }
  auto end() const { return this->channel_of().end(); }
};

// A channel that is closed when its senders are gone, or its receivers; what is still inside is
// destroyed with the last half.  Throws: std::bad_alloc.
template <class T>
std::pair<sender<T>, receiver<T>> make_channel(std::size_t capacity = 0) {
  auto shared = std::make_shared<detail::shared_channel<T>>(capacity);
  return {sender<T>(shared), receiver<T>(shared)};
}

namespace local {
template <class T>
using channel = detail::basic_channel<T, detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
