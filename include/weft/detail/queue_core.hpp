// SPDX-License-Identifier: BSL-1.0
// The waits of every queue: for room, for an item, for the end of the work. Layer: sync. Knows
// items, not values; which one is next is the store's affair (queue_store.hpp).
//
// Who may do what: all is guarded by lock_. While an item stands in the store, every getter in
// getters_ is leaving, and while there is room, every putter in putters_. An item is handed to a
// getter, and room to a putter, when it is claimed; from then on it is its own (sem 64).
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <utility>

#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/queue_store.hpp"
#include "weft/detail/waiter.hpp"
#include "weft/errors.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

[[noreturn]] inline void throw_shut_down(const char* call) {
  throw closed_error(std::string("weft: ") + call + ": the queue has been shut down");
}

template <class Policy, class Store>
class queue_core {
  using lock_type = typename Store::template lock<Policy>;

 public:
  queue_core(std::size_t max_size, typename Store::order order)
      : most_(max_size != 0 ? max_size : std::numeric_limits<std::size_t>::max()),
        store_(std::move(order)) {}
  queue_core(const queue_core&) = delete;
  queue_core& operator=(const queue_core&) = delete;
  ~queue_core() {
    WEFT_ASSERT(getters_.empty() && putters_.empty() && joiners_.empty() &&
                "nobody waits on the queue any more");
  }

  // Hands the item over, or waits until that is possible; false if the deadline came first. The
  // item is still the caller's then, and when it throws.
  // Throws: closed_error, cancelled, what a comparison throws.
  bool put(queue_item& item, time_point deadline, const char* call) {
    loop_core* const here = fibers_loop();
    std::unique_lock<lock_type> hold(lock_);
    if (put_at_once(item, hold, call)) {
      spend_of(here);
      return true;
    }
    place own(here, this, &item);
    putters_.push_back(own);
    hold.unlock();
    if (!wait_or_throw(own, lock_, put_wait, deadline)) return false;
    if (own.verdict == shut) throw_shut_down(call);
    if constexpr (!Store::is_quiet) put_into_reserved(item, call);
    return true;
  }

  // True if it was put.
  bool try_put(queue_item& item, const char* call) {
    std::unique_lock<lock_type> hold(lock_);
    return put_at_once(item, hold, call);
  }

  // The next item; nullptr if the deadline came first.  Throws: as put().
  queue_item* get(time_point deadline, const char* call) {
    loop_core* const here = fibers_loop();
    std::unique_lock<lock_type> hold(lock_);
    if (queue_item* const item = get_at_once(hold, call)) {
      spend_of(here);
      return item;
    }
    place own(here, this, nullptr);
    getters_.push_back(own);
    hold.unlock();
    if (!wait_or_throw(own, lock_, get_wait, deadline)) return nullptr;
    if (own.verdict == shut) throw_shut_down(call);
    return own.item;
  }

  queue_item* try_get(const char* call) {
    std::unique_lock<lock_type> hold(lock_);
    return get_at_once(hold, call);
  }

  // Takes back what get() gave, and could not be moved out: it is the next one again.
  void put_back(queue_item& item) noexcept {
    claimed_waiters woken;
    const std::lock_guard<lock_type> hold(lock_);
    if (hand_over(item, woken)) return;
    store_.put_back(item);
    resize(size() + 1);
  }

  void task_done(const char* call) {
    claimed_waiters woken;
    const std::lock_guard<lock_type> hold(lock_);
    if (unfinished_ == 0) {
      misuse(std::string(call) + " was called more often than items were put: call it once for " +
             "each item that get() gave");
    }
    if (--unfinished_ == 0) woken.claim_all(joiners_, served);
  }

  void join() {
    loop_core* const here = fibers_loop();
    std::unique_lock<lock_type> hold(lock_);
    if (unfinished_ == 0) {
      hold.unlock();
      spend_of(here);
      return;
    }
    place own(here, this, nullptr);
    joiners_.push_back(own);
    hold.unlock();
    wait_or_throw(own, lock_, join_wait);
  }

  // The items that nobody will get, as a chain: the caller's.
  queue_item* shutdown(bool is_immediate) {
    claimed_waiters woken;
    const std::lock_guard<lock_type> hold(lock_);
    is_shut_ = true;
    woken.claim_all(putters_, shut);
    queue_item* dropped = nullptr;
    if (is_immediate) {
      dropped = store_.take_all();
      unfinished_ -= std::min(unfinished_, size());
      resize(0);
      if (unfinished_ == 0) woken.claim_all(joiners_, served);
    }
    if (size() == 0) woken.claim_all(getters_, shut);
    return dropped;
  }

  // All that is left, when the queue ends.
  queue_item* take_all() noexcept { return store_.take_all(); }

  std::size_t size() const noexcept { return size_.load(std::memory_order_relaxed); }
  std::size_t most() const noexcept { return most_; }

 private:
  enum verdict : std::uint8_t { served, shut };

  struct place : waiter {
    place(loop_core* here, const void* on, queue_item* own) noexcept
        : waiter(here, on), item(own) {}
    queue_item* item;  // what a putter brings; what a getter was given
  };

  bool has_room() const noexcept { return reserved_ < most_ && size() < most_ - reserved_; }
  void resize(std::size_t size) noexcept { size_.store(size, std::memory_order_relaxed); }

  // True if a getter waited for the item. It may be gone when woken dies.
  bool hand_over(queue_item& item, claimed_waiters& woken) noexcept {
    if (size() != 0 || getters_.empty()) return false;
    wait_place* const getter = first_waiting(getters_, running_loop());
    if (getter == nullptr) return false;
    static_cast<place*>(getter)->item = &item;
    woken.claim(*getter, served);
    return true;
  }

  void accept(queue_item& item, claimed_waiters& woken) {
    if (!hand_over(item, woken)) {
      store_.push(item);
      resize(size() + 1);
    }
    ++unfinished_;
  }

  // Unlocks before it wakes others; what returns false keeps the lock.
  bool put_at_once(queue_item& item, std::unique_lock<lock_type>& hold, const char* call) {
    claimed_waiters woken;
    if (WEFT_UNLIKELY(is_shut_)) throw_shut_down(call);
    if (!has_room()) return false;
    accept(item, woken);
    hold.unlock();
    return true;
  }

  queue_item* get_at_once(std::unique_lock<lock_type>& hold, const char* call) {
    claimed_waiters woken;
    if (size() == 0) {
      if (WEFT_UNLIKELY(is_shut_)) throw_shut_down(call);
      return nullptr;
    }
    queue_item* const item = store_.pop();
    const bool was_full = !has_room();
    resize(size() - 1);
    if (was_full) admit_putter(woken);
    hold.unlock();
    return item;
  }

  // Gives room that has become free to who has waited longest for it. An item that others' code
  // must compare is put by its owner, who alone is to see what that code throws.
  void admit_putter(claimed_waiters& woken) noexcept {
    if (putters_.empty() || !has_room()) return;
    wait_place* const putter = first_waiting(putters_, running_loop());
    if (putter == nullptr) return;
    if constexpr (Store::is_quiet) {
      store_.push(*static_cast<place*>(putter)->item);
      resize(size() + 1);
      ++unfinished_;
    } else {
      ++reserved_;
    }
    woken.claim(*putter, served);
  }

  void put_into_reserved(queue_item& item, const char* call) {
    claimed_waiters woken;
    const std::lock_guard<lock_type> hold(lock_);
    --reserved_;
    if (is_shut_) throw_shut_down(call);
    try {
      accept(item, woken);
      admit_putter(woken);  // a value that was handed over leaves its room free
    } catch (...) {
      admit_putter(woken);
      throw;
    }
  }

  static constexpr wait_type put_wait{"queue put", Policy::by};
  static constexpr wait_type get_wait{"queue get", Policy::by};
  static constexpr wait_type join_wait{"queue join", Policy::by};

  lock_type lock_;
  const std::size_t most_;
  typename Policy::template word<std::size_t> size_{0};  // of the store; read without the lock
  std::size_t reserved_ = 0;    // room that putters were given and have not used yet
  std::size_t unfinished_ = 0;  // put, and no task_done() for them yet
  bool is_shut_ = false;
  Store store_;
  list getters_;
  list putters_;
  list joiners_;
};

}  // namespace detail
WEFT_NAMESPACE_END
