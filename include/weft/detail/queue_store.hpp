// SPDX-License-Identifier: BSL-1.0
// Where a queue's items stand, and which is next: in order of arrival, the newest first, or by a
// comparison. Layer: sync. An item is a heap block, made before any lock is taken and destroyed
// after it, so that under the lock only pointers move: a user's move may throw, or even park.
// A comparison is the user's, too; a heap therefore has a lock whose holder may park.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "weft/detail/config.hpp"
#include "weft/detail/lock_core.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct queue_item {
  queue_item* next = nullptr;
  std::uint64_t turn = 0;  // a heap's: among equals the earlier one is first
};

template <class T>
struct queue_node : queue_item {
  template <class U>
  explicit queue_node(U&& from) : value(std::forward<U>(from)) {}
  T value;
};

struct no_order {};

// Linked by `next`. Nothing here can fail, or run a user's code.
template <bool is_lifo>
class chain_store {
 public:
  static constexpr bool is_quiet = true;
  using order = no_order;
  template <class Policy>
  using lock = typename Policy::lock;

  explicit chain_store(order = {}) noexcept {}

  void push(queue_item& item) noexcept {
    if (is_lifo || first_ == nullptr) {
      put_back(item);
    } else {
      item.next = nullptr;
      last_ = last_->next = &item;
    }
  }
  // The next one.  Precondition: there is one.
  queue_item* pop() noexcept { return std::exchange(first_, first_->next); }
  // Makes an item the next one: who popped it could not use it.
  void put_back(queue_item& item) noexcept {
    if (first_ == nullptr) last_ = &item;
    item.next = std::exchange(first_, &item);
  }
  // All, as a chain.
  queue_item* take_all() noexcept { return std::exchange(first_, nullptr); }

 private:
  queue_item* first_ = nullptr;
  queue_item* last_ = nullptr;  // while there is a first
};

// lock_core, as what std::lock_guard takes: who waits for it parks.
template <class Policy>
class parking_lock {
 public:
  void lock() { core_.lock(caller); }
  void unlock() { core_.unlock(caller); }

 private:
  static constexpr const char* caller = "priority_queue::put() or get()";
  lock_core<Policy> core_;
};

// A binary heap. It changes only after the last comparison, so that one that throws leaves it as it
// was; std::push_heap and pop_heap would lose an item then.
template <class T, class Compare>
class heap_store {
 public:
  static constexpr bool is_quiet = false;
  using order = Compare;
  template <class Policy>
  using lock = parking_lock<Policy>;

  explicit heap_store(Compare compare) : compare_(std::move(compare)) {}

  // Throws: what a comparison throws, std::bad_alloc.
  void push(queue_item& item) {
    if (items_.size() == items_.capacity()) items_.reserve(2 * items_.size() + 16);
    item.turn = next_turn_;
    std::size_t place = items_.size();
    while (place != 0 && goes_before(item, *items_[above(place)])) place = above(place);
    ++next_turn_;
    items_.push_back(&item);
    for (std::size_t at = items_.size() - 1; at != place; at = above(at)) {
      items_[at] = items_[above(at)];
    }
    items_[place] = &item;
  }

  // Throws: what a comparison throws.  Precondition: there is one.
  queue_item* pop() {
    if (returned_ != nullptr) return std::exchange(returned_, returned_->next);
    queue_item* const top = items_.front();
    queue_item& last = *items_.back();
    const std::size_t rest = items_.size() - 1;
    std::size_t path[64];  // from the top down, by the child that moves up
    std::size_t depth = 0;
    for (std::size_t at = 0; 2 * at + 1 < rest; at = path[depth++]) {
      std::size_t child = 2 * at + 1;
      if (child + 1 < rest && goes_before(*items_[child + 1], *items_[child])) ++child;
      if (!goes_before(*items_[child], last)) break;
      path[depth] = child;
    }
    std::size_t hole = 0;
    for (std::size_t i = 0; i != depth; hole = path[i++]) items_[hole] = items_[path[i]];
    items_[hole] = &last;
    items_.pop_back();
    return top;
  }

  void put_back(queue_item& item) noexcept { item.next = std::exchange(returned_, &item); }

  queue_item* take_all() noexcept {
    for (queue_item* const item : items_) put_back(*item);
    items_.clear();
    return std::exchange(returned_, nullptr);
  }

 private:
  static std::size_t above(std::size_t place) noexcept { return (place - 1) / 2; }

  // One comparison decides, because no two have the same turn.
  bool goes_before(const queue_item& a, const queue_item& b) {
    return a.turn < b.turn ? !compare_(value_of(b), value_of(a))
                           : bool(compare_(value_of(a), value_of(b)));
  }
  static const T& value_of(const queue_item& item) noexcept {
    return static_cast<const queue_node<T>&>(item).value;
  }

  Compare compare_;
  std::vector<queue_item*> items_;
  queue_item* returned_ = nullptr;  // by put_back(): first of all
  std::uint64_t next_turn_ = 0;
};

}  // namespace detail
WEFT_NAMESPACE_END
