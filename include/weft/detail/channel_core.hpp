// SPDX-License-Identifier: BSL-1.0
// What a channel holds and who waits at it. Layer: sync. Used by channel and by select; knows
// nothing of what a caller sees.
//
// Nobody's code runs under the lock: a move constructor may be slow, throw, or even park. Who moves
// a value marks its cell, or claims the partner, gives the lock up meanwhile and takes it again. A
// value that can be copied as bytes has no code to run and is moved under the lock: one lock for a
// message instead of two.
//
// The cells from `head_` on, `queued_` of them, are full, being filled, or void (their value's
// constructor threw); behind them, some may still be drained. They leave in the order in which they
// were reserved.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <optional>
#include <type_traits>
#include <utility>

#include "weft/detail/channel_cell.hpp"
#include "weft/detail/check.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/list.hpp"
#include "weft/detail/sync_policy.hpp"
#include "weft/detail/waiter.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

// What a claimed wait at a channel came to.
enum class channel_verdict : std::uint8_t {
  again,      // the partner's move threw: nothing has happened, ask anew
  done,       // the value is where it should be
  closed,     // the channel was closed meanwhile
  timed_out,  // the deadline came first, and nobody had claimed it
};

// A place in a channel's queue. `slot`: a receiver's std::optional<T>, a sender's T.
struct channel_place : wait_place {
  WEFT_INLINE channel_place(waker& owner, void* its_slot) noexcept
      : wait_place(owner), slot(its_slot) {}

  channel_verdict came_to() const noexcept { return static_cast<channel_verdict>(verdict); }
  void decide(channel_verdict how) noexcept { verdict = static_cast<std::uint8_t>(how); }

  void* slot;
};

struct channel_waiter : waker, channel_place {
  WEFT_INLINE channel_waiter(loop_core* here, void* its_slot) noexcept
      : waker(of_fiber{}, here), channel_place(static_cast<waker&>(*this), its_slot) {}
  using waker::signal;
};

template <class T, class Policy>
class channel_core {
 public:
  explicit channel_core(std::size_t capacity)
      : cells_(capacity == 0 ? nullptr : new cell[capacity]), capacity_(capacity) {}
  channel_core(const channel_core&) = delete;
  channel_core& operator=(const channel_core&) = delete;
  ~channel_core() {
    WEFT_ASSERT(senders_.empty() && receivers_.empty() && "nobody waits on the channel any more");
    for (std::size_t i = 0; i < queued_; ++i) {
      cell& one = cells_[wrap(head_ + i)];
      if (one.is(cell_state::full)) one.value.~T();
    }
  }

  typename Policy::lock guard;  // guards all that follows, and both queues

  bool is_closed() const noexcept { return is_closed_; }
  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t queued() const noexcept { return queued_; }

  // True if receive() would say something else than "wait": for select.
  bool can_receive(const loop_core* here) noexcept {
    if (queued_ != 0) return cells_[head_].is(cell_state::full);
    return is_closed_ || has_waiting(senders_, here);
  }
  bool can_send(const loop_core* here) noexcept {
    return is_closed_ || (queued_ == 0 && has_waiting(receivers_, here)) || has_room();
  }

  // Takes a value into `out`. False: there is none; closed and drained if is_over().
  // The lock is held, and given up meanwhile. `woken` is to be signalled after it.
  // Throws: what T's move constructor throws; the channel is then as before.
  WEFT_INLINE bool receive(std::optional<T>& out, claimed_waiters& woken) {
    if (WEFT_LIKELY(queued_ != 0)) return receive_queued(out, woken);
    if (senders_.empty()) return false;
    return receive_directly(out, woken);
  }

  // Nothing more will come.
  bool is_over() const noexcept { return is_closed_ && queued_ == 0; }

  // Moves `value` in. False: there is no room, and nothing was moved.
  // Precondition: !is_closed(). As receive().
  WEFT_INLINE bool send(T& value, claimed_waiters& woken) {
    if (queued_ == 0 && !receivers_.empty() && send_directly(value, woken)) return true;
    return has_room() && send_to_queue(value, woken);
  }

  // What most messages are: one for a fiber of this loop that waits, or through a cell where nobody
  // waits; the lock stays held, and nobody is left to be signalled. False: nothing was done, ask
  // send() or receive().
  WEFT_INLINE bool send_quickly([[maybe_unused]] T& value,
                                [[maybe_unused]] const loop_core* here) noexcept {
    if constexpr (is_quick) {
      if (WEFT_UNLIKELY(is_closed_)) return false;
      if (!receivers_.empty()) {
        channel_place* const to = queued_ == 0 ? first_at_hand(receivers_, here) : nullptr;
        if (WEFT_UNLIKELY(to == nullptr)) return false;
        slot_of_receiver(*to).emplace(std::move(value));
        finish(*to);
        return true;
      }
      if (!has_room()) return false;
      cell& last = cells_[wrap(head_ + queued_)];
      ::new (static_cast<void*>(std::addressof(last.value))) T(std::move(value));
      ++queued_;
      return true;
    } else {
      return false;
    }
  }
  WEFT_INLINE bool receive_quickly([[maybe_unused]] std::optional<T>& out,
                                   [[maybe_unused]] const loop_core* here) noexcept {
    if constexpr (is_quick) {
      if (!senders_.empty()) {
        channel_place* const from = queued_ == 0 ? first_at_hand(senders_, here) : nullptr;
        if (WEFT_UNLIKELY(from == nullptr)) return false;
        out.emplace(std::move(slot_of_sender(*from)));
        finish(*from);
        return true;
      }
      if (queued_ == 0 || WEFT_UNLIKELY(!cells_[head_].is(cell_state::full))) return false;
      cell& first = cells_[head_];
      out.emplace(std::move(first.value));
      step();
      fetch_ahead(first);
      return true;
    } else {
      return false;
    }
  }

  void close(claimed_waiters& woken) noexcept {
    is_closed_ = true;
    woken.claim_all(senders_, static_cast<std::uint8_t>(channel_verdict::closed));
    end_receivers(woken);
  }

  void wait_to_receive(channel_place& place, bool is_first) noexcept {
    queue(receivers_, place, is_first);
  }
  void wait_to_send(channel_place& place, bool is_first) noexcept {
    queue(senders_, place, is_first);
  }

 private:
  static constexpr bool is_quick =
      std::is_trivially_copyable_v<T> && std::is_trivially_destructible_v<T>;
  static constexpr bool may_throw = !std::is_nothrow_move_constructible_v<T>;

  using cell = channel_cell<T, is_quick>;
  using cell_state = channel_cell_state;

  // The time in which a value's own code runs.
  class gap {
   public:
    WEFT_INLINE explicit gap(typename Policy::lock& lock) noexcept : lock_(lock) {
      if constexpr (!is_quick) lock_.unlock();
    }
    WEFT_INLINE ~gap() {
      if constexpr (!is_quick) lock_.lock();
    }
    gap(const gap&) = delete;
    gap& operator=(const gap&) = delete;

   private:
    [[maybe_unused]] typename Policy::lock& lock_;
  };

  static std::optional<T>& slot_of_receiver(channel_place& place) noexcept {
    return *static_cast<std::optional<T>*>(place.slot);
  }
  static T& slot_of_sender(channel_place& place) noexcept { return *static_cast<T*>(place.slot); }

  static void queue(list& where, channel_place& place, bool is_first) noexcept {
    if (is_first) {
      where.push_front(place);
    } else {
      where.push_back(place);
    }
  }

  // Without claiming.
  static bool has_waiting(list& queue, const loop_core* here) noexcept {
    return queue.find_if([here](list_node& node) {
      auto& place = static_cast<wait_place&>(node);
      return !place.who->is_leaving(here) &&
             (place.claim == nullptr ||
              place.claim->chosen.load(std::memory_order_relaxed) == select_claim::nobody);
    }) != nullptr;
  }

  // Takes the first out of a queue; whatever happens, it will be signalled.
  WEFT_INLINE channel_place* claim_first(list& queue, claimed_waiters& woken) noexcept {
    if (queue.empty()) return nullptr;
    auto* const first = static_cast<channel_place*>(first_waiting(queue, woken.here()));
    if (first != nullptr) {
      woken.claim(*first, static_cast<std::uint8_t>(channel_verdict::again));
    }
    return first;
  }

  WEFT_INLINE std::size_t wrap(std::size_t place) const noexcept {
    return place < capacity_ ? place : place - capacity_;
  }
  WEFT_INLINE bool has_room() const noexcept {
    return queued_ < capacity_ && cells_[wrap(head_ + queued_)].is(cell_state::empty);
  }

  WEFT_INLINE bool receive_queued(std::optional<T>& out, claimed_waiters& woken) {
    if (WEFT_UNLIKELY(!cells_[head_].is(cell_state::full))) return false;  // its turn comes
    if constexpr (may_throw) {
      try {
        drain_first(out);
      } catch (...) {
        settle(woken);  // others came meanwhile and wait for what is there again
        throw;
      }
    } else {
      drain_first(out);
    }
    if (WEFT_UNLIKELY(!is_quick || !senders_.empty())) settle(woken);
    return true;
  }

  // The first in a queue if it is a fiber of this loop that waits for nothing else: it is served
  // and woken in one go. The lock stays held, as a value that moves as bytes runs no code.
  WEFT_INLINE static channel_place* first_at_hand(list& queue, const loop_core* here) noexcept {
    auto& first = static_cast<channel_place&>(queue.front());
    return WEFT_LIKELY(first.claim == nullptr && first.who->is_parked(here)) ? &first : nullptr;
  }
  WEFT_INLINE static void finish(channel_place& served) noexcept {
    served.unlink();
    served.decide(channel_verdict::done);
    served.who->signal_parked();
  }

  bool receive_directly(std::optional<T>& out, claimed_waiters& woken) {
    channel_place* const from = claim_first(senders_, woken);
    if (from == nullptr) return false;
    {
      const gap open(guard);
      out.emplace(std::move(slot_of_sender(*from)));
    }
    from->decide(channel_verdict::done);
    return true;
  }

  bool send_directly(T& value, claimed_waiters& woken) {
    channel_place* const to = claim_first(receivers_, woken);
    if (to == nullptr) return false;
    {
      const gap open(guard);
      slot_of_receiver(*to).emplace(std::move(value));
    }
    to->decide(channel_verdict::done);
    return true;
  }

  WEFT_INLINE bool send_to_queue(T& value, claimed_waiters& woken) {
    if constexpr (may_throw) {
      try {
        fill_last(value);
      } catch (...) {
        settle(woken);  // others came meanwhile and wait for the room
        throw;
      }
    } else {
      fill_last(value);
    }
    if (WEFT_UNLIKELY(!is_quick || !receivers_.empty())) settle(woken);
    return true;
  }

  // Moves the first full cell out. Where a move may throw, the cell stays the first until it is
  // over, and others wait; elsewhere they go on with the next.
  WEFT_INLINE void drain_first(std::optional<T>& out) {
    cell& first = cells_[head_];
    first.mark(cell_state::draining);
    if constexpr (!may_throw) step();
    try {
      const gap open(guard);
      out.emplace(std::move(first.value));
      first.value.~T();
    } catch (...) {
      first.mark(cell_state::full);
      throw;
    }
    first.mark(cell_state::empty);
    if constexpr (may_throw) step();
  }

  // Of what another core filled: a line takes some 200 ns to come, and the hardware does not see
  // the stream between the atomic operations. Behind the last cell it fetches what nobody needs.
  WEFT_INLINE static void fetch_ahead(const cell& from) noexcept {
    const auto two_lines_on = reinterpret_cast<std::uintptr_t>(&from) + 128;
    __builtin_prefetch(reinterpret_cast<const void*>(two_lines_on));
  }

  WEFT_INLINE void step() noexcept {
    head_ = wrap(head_ + 1);
    --queued_;
  }

  WEFT_INLINE void fill_last(T& value) {
    cell& last = cells_[wrap(head_ + queued_)];
    last.mark(cell_state::filling);
    ++queued_;
    try {
      const gap open(guard);
      ::new (static_cast<void*>(std::addressof(last.value))) T(std::move(value));
    } catch (...) {
      last.mark(cell_state::failed);  // others may have been reserved behind it
      skip_failed();
      throw;
    }
    last.mark(cell_state::full);
  }

  // At both ends; one in the middle waits until it is the first.
  void skip_failed() noexcept {
    while (queued_ != 0 && cells_[wrap(head_ + queued_ - 1)].is(cell_state::failed)) {
      cells_[wrap(head_ + --queued_)].mark(cell_state::empty);
    }
    while (queued_ != 0 && cells_[head_].is(cell_state::failed)) {
      cells_[head_].mark(cell_state::empty);
      step();
    }
  }

  // Brings together who waits and what is there, until nobody can go on.
  void settle(claimed_waiters& woken) noexcept {
    do {
      skip_failed();
    } while (serve_receiver(woken) || take_in_sender(woken));
    end_receivers(woken);
  }

  bool serve_receiver(claimed_waiters& woken) noexcept {
    if (receivers_.empty() || queued_ == 0 || !cells_[head_].is(cell_state::full)) return false;
    channel_place* const to = claim_first(receivers_, woken);
    if (to == nullptr) return false;
    try {
      drain_first(slot_of_receiver(*to));
      to->decide(channel_verdict::done);
    } catch (...) {
      return false;  // it will ask for itself, and have the error for itself
    }
    return true;
  }

  bool take_in_sender(claimed_waiters& woken) noexcept {
    if (senders_.empty() || !has_room()) return false;
    channel_place* const from = claim_first(senders_, woken);
    if (from == nullptr) return false;
    try {
      fill_last(slot_of_sender(*from));
      from->decide(channel_verdict::done);
    } catch (...) {
      return false;
    }
    return true;
  }

  void end_receivers(claimed_waiters& woken) noexcept {
    if (WEFT_UNLIKELY(is_over())) {
      woken.claim_all(receivers_, static_cast<std::uint8_t>(channel_verdict::closed));
    }
  }

  std::unique_ptr<cell[]> cells_;
  const std::size_t capacity_;
  std::size_t head_ = 0;
  std::size_t queued_ = 0;
  bool is_closed_ = false;
  list senders_;    // while there is no room
  list receivers_;  // while nothing is there
};

}  // namespace detail
WEFT_NAMESPACE_END
