// SPDX-License-Identifier: BSL-1.0
// See pool_queue.hpp.
#include "pool_queue.hpp"

#include <algorithm>

#include "../loop/fork.hpp"
#include "../loop/loop.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// By how many fibers a loop may be ahead of the least loaded idle one: a wake-up costs some 20 us,
// so records that come in a burst are not dealt out one by one.
constexpr std::size_t slack = 4;

// What a busy loop takes at a look, at most: it may be stuck before it begins them.
constexpr std::size_t most_share = 16;

void arrive(inbox_node& message, loop_core& here) noexcept {
  whole(here).adopt(*static_cast<fiber_message&>(message).owner);
}

}  // namespace

pool_queue::~pool_queue() {
  WEFT_ASSERT(records_.empty() && unbegun_.empty());
  for (unsigned i = 0; i < size_; ++i) {
    if (members_[i].side != nullptr) members_[i].side->drop_ref();
  }
}

void pool_queue::join(loop& here, unsigned index) noexcept {
  member& one = members_[index];
  one.of = this;
  one.side = here.shared;
  one.side->add_ref();
  one.is_idle.store(true, std::memory_order_relaxed);  // its main is about to wait for the end
  here.fresh = &one;
}

bool pool_queue::has(const loop& here) const noexcept {
  for (unsigned i = 0; i < size_; ++i) {
    if (here.shared == members_[i].side) return true;
  }
  return false;
}

void pool_queue::refuse_in_child(const char* call) const {
  if (is_of_parent()) detail::refuse_in_child(*members_[0].side, call);
}

bool pool_queue::put(fiber& record) noexcept {
  {
    const std::lock_guard<std::mutex> hold(lock_);
    if (is_closed_) return false;
    records_.push_back(record.message);
    waiting_.fetch_add(1, std::memory_order_seq_cst);  // then is_idle: see above
  }
  ring_idle(nullptr);
  return true;
}

bool pool_queue::put(fiber& record, unsigned index) noexcept {
  shared_side& side = *members_[index].side;
  record.message.run = &arrive;
  return !side.refuses_work.load(std::memory_order_relaxed) && side.box.push(record.message);
}

void pool_queue::close() noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  is_closed_ = true;
  while (list_node* const one = records_.pop_front()) unbegun_.push_back(*one);
  waiting_.store(0, std::memory_order_relaxed);
}

void pool_queue::drain(loop& here) noexcept {
  static_cast<member*>(here.fresh)->is_idle.store(false, std::memory_order_relaxed);
  here.fresh = nullptr;
  while (fiber* const record = pop(unbegun_)) here.adopt(*record);
}

fiber* pool_queue::pop(list& from) noexcept {
  const std::lock_guard<std::mutex> hold(lock_);
  list_node* const first = from.pop_front();
  if (first == nullptr) return nullptr;
  if (&from == &records_) waiting_.fetch_sub(1, std::memory_order_relaxed);
  return static_cast<fiber_message&>(*first).owner;
}

pool_queue::member* pool_queue::least_idle(const member* but) noexcept {
  member* least = nullptr;
  for (unsigned i = 0; i < size_; ++i) {
    member& one = members_[i];
    if (&one == but || !one.is_idle.load(std::memory_order_seq_cst)) continue;
    if (least == nullptr ||
        one.load.load(std::memory_order_relaxed) < least->load.load(std::memory_order_relaxed)) {
      least = &one;
    }
  }
  return least;
}

bool pool_queue::may_take(const member& one, const member* least) const noexcept {
  if (least == nullptr) return true;
  const std::size_t fewest = least->load.load(std::memory_order_relaxed);
  return one.load.load(std::memory_order_relaxed) <= fewest + fewest / 8 + slack;
}

void pool_queue::ring_idle(const member* but) noexcept {
  if (member* const one = least_idle(but)) one->side->box.wake_sleeper();
}

std::size_t pool_queue::share_of(member& one, bool is_busy) noexcept {
  const std::size_t waiting = waiting_.load(std::memory_order_relaxed);
  if (waiting == 0) return 0;
  member* const least = least_idle(&one);
  if (!is_busy) return may_take(one, least) ? 1 : 0;
  return least != nullptr ? 0 : std::min(most_share, waiting / size_ + 1);
}

void pool_queue::member::take(loop& here) noexcept {
  load.store(here.live, std::memory_order_relaxed);
  for (std::size_t n = of->share_of(*this, !here.ready.empty()); n != 0; --n) {
    fiber* const record = of->pop(of->records_);
    if (record == nullptr) break;
    here.adopt(*record);
  }
  if (here.ready.empty() || !is_idle.load(std::memory_order_relaxed)) return;
  is_idle.store(false, std::memory_order_seq_cst);  // then waiting_: see pool_queue.hpp
  if (of->waiting_.load(std::memory_order_seq_cst) != 0) of->ring_idle(this);
}

bool pool_queue::member::may_sleep(loop& here) noexcept {
  load.store(here.live, std::memory_order_relaxed);
  is_idle.store(true, std::memory_order_seq_cst);  // then waiting_: see pool_queue.hpp
  if (of->waiting_.load(std::memory_order_seq_cst) == 0) return true;
  member* const least = of->least_idle(this);
  if (of->may_take(*this, least)) return false;
  least->side->box.wake_sleeper();
  return true;
}

}  // namespace detail
WEFT_NAMESPACE_END
