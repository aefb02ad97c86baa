// SPDX-License-Identifier: BSL-1.0
// One value for everybody who listens, without waiting for the slow. Layer: sync. Where every value
// must be dealt with by somebody, once, take a queue; where only the latest counts, a watch.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "weft/detail/check.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/errors.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN

// How many values a receiver missed.
struct lagged {
  std::uint64_t missed;
};

// What recv() came to: a value; or that the receiver has lagged, and how many values it missed; or
// neither, when the broadcast has ended and nothing is left.
template <class T>
class broadcast_result {
 public:
  broadcast_result() noexcept = default;  // the end
  explicit broadcast_result(lagged by) noexcept : missed_(by.missed) {}
  explicit broadcast_result(const T& value) : value_(value) {}

  bool has_value() const noexcept { return value_.has_value(); }
  explicit operator bool() const noexcept { return has_value(); }
  bool has_lagged() const noexcept { return missed_ != 0; }
  bool is_closed() const noexcept { return !has_value() && !has_lagged(); }

  // How many values were overwritten before this receiver took them. 0: it has not lagged.
  std::uint64_t missed() const noexcept { return missed_; }

  // Throws: std::bad_optional_access if there is no value.
  T& value() & { return value_.value(); }
  const T& value() const& { return value_.value(); }
  T&& value() && { return std::move(value_).value(); }

 private:
  std::optional<T> value_;
  std::uint64_t missed_ = 0;
};

namespace detail {

// Value n stands at n % capacity until value n + capacity comes. All is guarded by the lock.
template <class Policy>
struct broadcast_core : wait_core<Policy> {
  explicit broadcast_core(std::size_t capacity) : ring(capacity) {}

  enum class found : std::uint8_t { nothing, value, lag, end };

  // What there is for who has come as far as `position`; moves it over what is lost.
  found look(std::uint64_t& position, std::shared_ptr<const void>& value,
             std::uint64_t& missed) noexcept {
    const std::uint64_t oldest = sent > ring.size() ? sent - ring.size() : 0;
    if (position < oldest) {
      missed = oldest - std::exchange(position, oldest);
      return found::lag;
    }
    if (position < sent) {
      value = ring[position % ring.size()];
      return found::value;
    }
    return is_closed ? found::end : found::nothing;
  }

  void close() noexcept {
    claimed_waiters woken;
    this->lock();
    is_closed = true;
    woken.claim_all(this->queue, 0);
    this->unlock();
  }

  void count_receiver(std::size_t change) noexcept {
    this->lock();
    receivers += change;
    this->unlock();
  }

  std::vector<std::shared_ptr<const void>> ring;
  std::uint64_t sent = 0;
  std::size_t receivers = 0;
  bool is_closed = false;

  static constexpr wait_type news_wait{"broadcast", Policy::by};
};

// A place in a broadcast: every value sent after subscribe() comes by, once. Move-only; to be used
// by one fiber or thread at a time. It may outlive the broadcast.
template <class T, class Policy>
class basic_broadcast_receiver {
  using core_type = broadcast_core<Policy>;
  using found = typename core_type::found;

 public:
  explicit basic_broadcast_receiver(std::shared_ptr<core_type> core) noexcept
      : core_(std::move(core)) {
    core_->lock();
    position_ = core_->sent;
    ++core_->receivers;
    core_->unlock();
  }
  basic_broadcast_receiver(basic_broadcast_receiver&&) noexcept = default;
  basic_broadcast_receiver& operator=(basic_broadcast_receiver&& other) noexcept {
    std::swap(core_, other.core_);
    std::swap(position_, other.position_);
    return *this;
  }
  ~basic_broadcast_receiver() {
    if (core_ != nullptr) core_->count_receiver(static_cast<std::size_t>(-1));
  }

  // Waits for the next value and copies it. If it was overwritten meanwhile, the result
  // has_lagged() once and tells how many were missed; the next is then the oldest that is left.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: cancelled; what T's copy throws: the value then comes again.
  broadcast_result<T> recv() { return *recv_until(time_point::max()); }

  // The same until a deadline; empty if it came first. One that has passed tries once.
  std::optional<broadcast_result<T>> recv_until(time_point deadline) {
    loop_core* const here = fibers_loop();
    for (bool has_waited = false;; has_waited = true) {
      core_->lock();
      if (auto result = take_and_unlock()) {
        if (!has_waited) spend_of(here);
        return result;
      }
      waiter own(here, core_.get());
      core_->queue.push_back(own);
      core_->unlock();
      if (!wait_or_throw(own, *core_, core_type::news_wait, deadline)) return std::nullopt;
    }
  }

  // The next if there is one at once.  Parks: never.  Calls from: fiber, any thread.
  // Throws: what T's copy throws.
  std::optional<broadcast_result<T>> try_recv() {
    core_->lock();
    auto result = take_and_unlock();
    if (!result) core_->unlock();
    return result;
  }

 private:
  // Keeps the lock if there is nothing.
  std::optional<broadcast_result<T>> take_and_unlock() {
    std::shared_ptr<const void> value;
    std::uint64_t missed = 0;
    const found what = core_->look(position_, value, missed);
    if (what == found::nothing) return std::nullopt;
    core_->unlock();
    using result_type = std::optional<broadcast_result<T>>;
    if (what == found::lag) return result_type(std::in_place, lagged{missed});
    if (what == found::end) return result_type(std::in_place);
    result_type result(std::in_place, *static_cast<const T*>(value.get()));
    ++position_;  // only now: the copy may have thrown
    return result;
  }

  std::shared_ptr<core_type> core_;
  std::uint64_t position_ = 0;  // of the value that comes next
};

// Sends each value to all who have subscribed before, and waits for nobody: a receiver that falls
// behind by more than `capacity` values misses the oldest, and is told how many. Receivers copy
// while no lock is held. The last values stay in memory until others take their place.
template <class T, class Policy>
class basic_broadcast {
 public:
  using receiver = basic_broadcast_receiver<T, Policy>;

  // Throws: std::logic_error for a capacity of 0.
  explicit basic_broadcast(std::size_t capacity)
      : core_(std::make_shared<broadcast_core<Policy>>(capacity)) {
    if (capacity == 0) misuse("broadcast(0): a broadcast needs room for one value at least");
  }
  basic_broadcast(const basic_broadcast&) = delete;
  basic_broadcast& operator=(const basic_broadcast&) = delete;
  ~basic_broadcast() { core_->close(); }

  // Begins to listen, to what is sent from now on.
  // Parks: never.  Calls from: fiber, any thread.
  [[nodiscard]] receiver subscribe() { return receiver(core_); }

  // Sends a value and tells how many listen; with none of them it is dropped.
  // Parks: never.  Calls from: fiber, any thread.  Throws: closed_error after close().
  std::size_t send(T value) {
    std::shared_ptr<const void> sent = std::make_shared<const T>(std::move(value));
    claimed_waiters woken;
    core_->lock();
    const bool is_closed = core_->is_closed;
    const std::size_t receivers = core_->receivers;
    if (!is_closed && receivers != 0) {
      // The value whose place it takes is destroyed after unlock().
      core_->ring[core_->sent++ % core_->ring.size()].swap(sent);
      woken.claim_all(core_->queue, 0);
    }
    core_->unlock();
    if (is_closed) throw closed_error("weft: broadcast::send(): the broadcast has been closed");
    return receivers;
  }

  // Ends it: receivers get what is left, then the end. So does the destructor.
  // Parks: never.  Calls from: fiber, any thread.
  void close() noexcept { core_->close(); }

  std::size_t receiver_count() const noexcept {
    core_->lock();
    const std::size_t count = core_->receivers;
    core_->unlock();
    return count;
  }

 private:
  std::shared_ptr<broadcast_core<Policy>> core_;
};

}  // namespace detail

template <class T>
using broadcast = detail::basic_broadcast<T, detail::any_thread>;
template <class T>
using broadcast_receiver = detail::basic_broadcast_receiver<T, detail::any_thread>;

// The same for the fibers of one loop, without atomic operations. Not to be touched by other
// threads: nothing would tell.
namespace local {
template <class T>
using broadcast = detail::basic_broadcast<T, detail::one_loop>;
template <class T>
using broadcast_receiver = detail::basic_broadcast_receiver<T, detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
