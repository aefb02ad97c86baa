// SPDX-License-Identifier: BSL-1.0
// The latest value of something, for everybody who wants to know when it changes: settings, states,
// progress. Layer: sync. Values in between may be missed; a broadcast tells them all.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/wait_core.hpp"
#include "weft/errors.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// All is guarded by the lock. Values are made, copied and destroyed while it is not held.
template <class T, class Policy>
struct watch_core : wait_core<Policy> {
  explicit watch_core(T&& first) : value(std::make_shared<const T>(std::move(first))) {}

  std::shared_ptr<const T> look(std::uint64_t& seen) noexcept {
    this->lock();
    std::shared_ptr<const T> latest = value;
    seen = version;
    this->unlock();
    return latest;
  }

  std::shared_ptr<const T> value;
  std::uint64_t version = 0;
  bool is_closed = false;

  static constexpr wait_type change_wait{"watch", Policy::by};
};

// Looks at a watch and remembers what it has seen. A copy has seen the same. To be used by one
// fiber or thread at a time; it may outlive the watch.
template <class T, class Policy>
class basic_watch_receiver {
 public:
  explicit basic_watch_receiver(std::shared_ptr<watch_core<T, Policy>> core) noexcept
      : core_(std::move(core)) {
    core_->look(seen_);
  }

  // The latest value; it counts as seen. borrow() shares it: it stays as it is, and alive, while
  // the watch goes on. Parks: never.  Calls from: fiber, any thread.  Throws: what T's copy throws.
  T get() { return *borrow(); }
  std::shared_ptr<const T> borrow() noexcept { return core_->look(seen_); }

  // True if the value has changed since it was seen.  Parks: never.  Calls from: fiber, any thread.
  bool has_changed() const noexcept {
    core_->lock();
    const bool is_new = core_->version != seen_;
    core_->unlock();
    return is_new;
  }

  // Waits until there is a value that this receiver has not seen; it counts as seen then.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: closed_error if the watch has ended and its last value was seen; cancelled.
  void wait_changed() { wait_changed_until(time_point::max()); }

  // The same until a deadline; false if it came first. One that has passed tries once.
  bool wait_changed_until(time_point deadline) {
    loop_core* const here = fibers_loop();
    for (bool has_waited = false;; has_waited = true) {
      core_->lock();
      if (core_->version != seen_) {
        seen_ = core_->version;
        core_->unlock();
        if (!has_waited) spend_of(here);
        return true;
      }
      if (core_->is_closed) {
        core_->unlock();
        throw closed_error("weft: watch_receiver::wait_changed(): the watch has ended");
      }
      waiter own(here, core_.get());
      core_->queue.push_back(own);
      core_->unlock();
      if (!wait_or_throw(own, *core_, core_->change_wait, deadline)) return false;
    }
  }

  // Waits for a value of which is_wanted(value) is true, the present one included, and copies it.
  // is_wanted may wait, too; values that come and go meanwhile are not shown to it.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: as wait_changed(); what is_wanted and T's copy throw.
  template <class Predicate>
  T wait_for(Predicate&& is_wanted) {
    for (;;) {
      const std::shared_ptr<const T> latest = borrow();
      if (is_wanted(*latest)) return *latest;
      wait_changed();
    }
  }

 private:
  std::shared_ptr<watch_core<T, Policy>> core_;
  std::uint64_t seen_ = 0;  // the version
};

// Holds one value, and wakes who waits for another one.
template <class T, class Policy>
class basic_watch {
 public:
  using receiver = basic_watch_receiver<T, Policy>;

  explicit basic_watch(T first)
      : core_(std::make_shared<watch_core<T, Policy>>(std::move(first))) {}
  basic_watch(const basic_watch&) = delete;
  basic_watch& operator=(const basic_watch&) = delete;
  ~basic_watch() { close(); }

  // A receiver that has seen the present value.  Parks: never.  Calls from: fiber, any thread.
  [[nodiscard]] receiver subscribe() { return receiver(core_); }

  // Replaces the value, also by an equal one.
  // Parks: never.  Calls from: fiber, any thread.  Throws: closed_error after close().
  void send(T value) {
    auto latest = std::make_shared<const T>(std::move(value));
    claimed_waiters woken;
    core_->lock();
    const bool is_closed = core_->is_closed;
    if (!is_closed) {
      core_->value.swap(latest);  // the old one is destroyed after unlock()
      ++core_->version;
      woken.claim_all(core_->queue, 0);
    }
    core_->unlock();
    if (is_closed) throw closed_error("weft: watch::send(): the watch has been closed");
  }

  // The value as it is, copied or shared.  Parks: never.  Calls from: fiber, any thread.
  T get() const { return *borrow(); }
  std::shared_ptr<const T> borrow() const noexcept {
    std::uint64_t version;
    return core_->look(version);
  }
  // How often it was replaced.
  std::uint64_t version() const noexcept {
    std::uint64_t version;
    core_->look(version);
    return version;
  }

  // Ends it: receivers see the last value, then closed_error. So does the destructor.
  // Parks: never.  Calls from: fiber, any thread.
  void close() noexcept {
    claimed_waiters woken;
    core_->lock();
    core_->is_closed = true;
    woken.claim_all(core_->queue, 0);
    core_->unlock();
  }

 private:
  std::shared_ptr<watch_core<T, Policy>> core_;
};

}  // namespace detail

template <class T>
using watch = detail::basic_watch<T, detail::any_thread>;
template <class T>
using watch_receiver = detail::basic_watch_receiver<T, detail::any_thread>;

// The same for the fibers of one loop, without atomic operations. Not to be touched by other
// threads: nothing would tell.
namespace local {
template <class T>
using watch = detail::basic_watch<T, detail::one_loop>;
template <class T>
using watch_receiver = detail::basic_watch_receiver<T, detail::one_loop>;
}  // namespace local

WEFT_NAMESPACE_END
