// SPDX-License-Identifier: BSL-1.0
// Queues for fibers, loops and plain threads that count what is still to be done, as asyncio's do:
// join() waits until all that was put has been dealt with. Layer: sync. Where nobody asks for that,
// a channel is the simpler thing.
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/detail/config.hpp"
#include "weft/detail/queue_core.hpp"
#include "weft/detail/queue_store.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// Holds values until somebody gets them, and as many as max_size at once. Who waits is served in
// the order in which it came: a value that was handed to a getter is its own, even if a cancel
// comes before it runs (sem 64). Values are moved and destroyed, and memory is taken, while no lock
// is held; a move that throws leaves the queue as it was (sem 69). Lifetime: must outlive all who
// wait; the destructor asserts that nobody does.
template <class T, class Policy, class Store>
class basic_queue {
 public:
  // max_size 0: without a limit.
  explicit basic_queue(std::size_t max_size = 0, typename Store::order order = {})
      : core_(max_size, std::move(order)) {}
  basic_queue(const basic_queue&) = delete;
  basic_queue& operator=(const basic_queue&) = delete;
  ~basic_queue() { destroy(core_.take_all()); }

  // Puts a value in, as soon as there is room. When it throws, the value is the caller's, as it was
  // (if T can be moved back by assignment; a copy is made of a const T&).
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: closed_error after shutdown(); cancelled; what T's constructor or a comparison throws;
  // std::bad_alloc.
  void put(T&& value) { put_one(std::move(value), time_point::max(), "queue::put()"); }
  void put(const T& value) { put_one(value, time_point::max(), "queue::put()"); }

  // The same until a deadline; false, and the value stays, if it came first. One that has passed
  // tries once.
  bool put_until(T&& value, time_point deadline) {
    return put_one(std::move(value), deadline, "queue::put_until()");
  }
  bool put_until(const T& value, time_point deadline) {
    return put_one(value, deadline, "queue::put_until()");
  }

  // Puts a value in if there is room at once; else false, and the value stays.
  // Parks: never; a priority_queue's may wait for somebody's comparison to end.
  // Calls from: fiber, any thread.  Throws: as put(), but never cancelled.
  [[nodiscard]] bool try_put(T&& value) { return try_put_one(std::move(value)); }
  [[nodiscard]] bool try_put(const T& value) { return try_put_one(value); }

  // Takes the next value out, as soon as there is one.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: closed_error after shutdown() when nothing is left; cancelled; what T's move or a
  // comparison throws.
  T get() { return take<T>(core_.get(time_point::max(), "queue::get()")); }

  // The same until a deadline; empty if it came first. One that has passed tries once.
  std::optional<T> get_until(time_point deadline) {
    return take_if(core_.get(deadline, "queue::get_until()"));
  }

  // The next value if there is one at once.  Parks, Calls from: as try_put().
  // Throws: as get(), but never cancelled.
  std::optional<T> try_get() { return take_if(core_.try_get("queue::try_get()")); }

  // Says that what one get() gave has been dealt with.
  // Parks: never.  Calls from: fiber, any thread.
  // Throws: std::logic_error if that was said of all that was put.
  void task_done() { core_.task_done("queue::task_done()"); }

  // Waits until task_done() was called for every value that was put; that the queue is empty is not
  // enough (sem 60).
  // Parks: may.  Calls from: fiber, any thread (which then blocks).  Throws: cancelled.
  void join() { core_.join(); }

  // Ends the queue: every put(), also one that waits, throws closed_error; get() does when nothing
  // is left (sem 61). With `immediate`, what stands in the queue is destroyed and counts as done.
  // Parks: never.  Calls from: fiber, any thread.
  void shutdown(bool immediate = false) { destroy(core_.shutdown(immediate)); }

  // How many values wait to be taken out, at this moment.
  // Parks: never.  Calls from: fiber, any thread.
  std::size_t size() const noexcept { return core_.size(); }
  bool empty() const noexcept { return core_.size() == 0; }
  // True if put() would wait now.
  bool full() const noexcept { return core_.size() >= core_.most(); }
  // 0: there is no limit.
  std::size_t max_size() const noexcept {
    return core_.most() == std::numeric_limits<std::size_t>::max() ? 0 : core_.most();
  }

 private:
  using node = queue_node<T>;

  template <class U>
  bool put_one(U&& value, time_point deadline, const char* call) {
    return hand_in(std::forward<U>(value),
                   [&](queue_item& item) { return core_.put(item, deadline, call); });
  }

  template <class U>
  bool try_put_one(U&& value) {
    return hand_in(std::forward<U>(value),
                   [&](queue_item& item) { return core_.try_put(item, "queue::try_put()"); });
  }

  template <class U, class F>
  static bool hand_in(U&& value, F&& bring) {
    auto own = std::make_unique<node>(std::forward<U>(value));
    bool is_put = false;
    try {
      is_put = bring(*own);
    } catch (...) {
      give_back(*own, value);
      throw;
    }
    if (is_put) {
      own.release();  // whoever got it may have destroyed it
    } else {
      give_back(*own, value);
    }
    return is_put;
  }

  static void give_back(node& from, T& to) {
    if constexpr (std::is_move_assignable_v<T>) to = std::move(from.value);
  }
  static void give_back(node&, const T&) noexcept {}

  // Moves the value out of an item that get() gave.
  template <class Result>
  Result take(queue_item* item) {
    std::unique_ptr<node> own(static_cast<node*>(item));
    if constexpr (std::is_nothrow_move_constructible_v<T>) {
      return Result(std::move(own->value));
    } else {
      try {
        return Result(std::move(own->value));
      } catch (...) {
        core_.put_back(*own.release());
        throw;
      }
    }
  }
  std::optional<T> take_if(queue_item* item) {
    if (item == nullptr) return std::nullopt;
    return take<std::optional<T>>(item);
  }

  static void destroy(queue_item* chain) noexcept {
    while (chain != nullptr) delete static_cast<node*>(std::exchange(chain, chain->next));
  }

  queue_core<Policy, Store> core_;
};

}  // namespace detail

// First in, first out.
template <class T>
using queue = detail::basic_queue<T, detail::any_thread, detail::chain_store<false>>;

// Last in, first out.
template <class T>
using lifo_queue = detail::basic_queue<T, detail::any_thread, detail::chain_store<true>>;

// The least first, by `Compare` (unlike std::priority_queue: compare(a, b) says that a comes before
// b); equal ones in the order of their put(). A value that is put while somebody waits in get() is
// handed to it without a comparison. Comparisons run under a lock whose holder may park: who calls
// meanwhile waits, also in a try_ function.
template <class T, class Compare = std::less<T>>
using priority_queue = detail::basic_queue<T, detail::any_thread, detail::heap_store<T, Compare>>;

// The same for the fibers of one loop, without atomic operations. Not to be touched by other
// threads: nothing would tell.
namespace local {
template <class T>
using queue = detail::basic_queue<T, detail::one_loop, detail::chain_store<false>>;
template <class T>
using lifo_queue = detail::basic_queue<T, detail::one_loop, detail::chain_store<true>>;
template <class T, class Compare = std::less<T>>
using priority_queue = detail::basic_queue<T, detail::one_loop, detail::heap_store<T, Compare>>;
}  // namespace local

WEFT_NAMESPACE_END
