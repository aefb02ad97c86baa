// SPDX-License-Identifier: BSL-1.0
// The loop's deadlines: an intrusive 4-ary heap in exact order of (deadline, sequence).
// Layer: loop. Timers belong to whoever waits; the heap only points at them. Room is made when a
// fiber is made, so that arming one at a wait cannot fail.
//
// A timer may carry slack: so much later than its deadline the loop may look at it, if it sleeps
// until then. A hundred thousand deadlines would otherwise be as many wake-ups; the order in which
// timers fire knows nothing of it.
//
// Most timeouts are withdrawn soon. The latest few therefore stand in a short list, unsorted, and
// come into the heap only when it is full or one of them is due.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <vector>

#include "weft/detail/check.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/fiber.hpp"
#include "weft/time.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

class timer_heap {
 public:
  // Makes room for the timers of so many fibers in all.  Throws: std::bad_alloc.
  void reserve(std::size_t fibers) {
    make_room(fibers + extra_);
    if (fibers > fibers_) fibers_ = fibers;
  }

  // Room for one timer more, held until it is released: for those that belong to no fiber.
  // Throws: std::bad_alloc.
  void hold_extra() {
    make_room(fibers_ + extra_ + 1);
    ++extra_;
  }
  void release_extra() noexcept { --extra_; }

  // Precondition: room was reserved; t is not armed. `slack` is rounded down, to at most a ms.
  void arm(timer& t, time_point deadline, duration slack = duration::zero()) noexcept {
    WEFT_DEBUG_ASSERT(!t.is_armed() && slots_.size() + young_count_ < slots_.capacity());
    if (young_count_ == most_young) settle();
    t.deadline = deadline;
    t.index = young_mark | young_count_;
    if (young_count_ == 0 || deadline < young_first_) young_first_ = deadline;
    young_[young_count_++] = {deadline, ++sequence_ << slack_bits | slack_units(slack), &t};
  }

  void disarm(timer& t) noexcept {
    const std::uint32_t hole = t.index;
    t.index = timer::not_armed;
    if ((hole & young_mark) != 0) {
      leave_young(hole & ~young_mark);
      return;
    }
    WEFT_DEBUG_ASSERT(hole < slots_.size() && slots_[hole].what == &t);
    const slot last = slots_.back();
    slots_.pop_back();
    if (hole == slots_.size()) return;
    place(hole, last);
    lift(hole);
    sink(hole_of(last));
  }

  bool empty() const noexcept { return slots_.empty() && young_count_ == 0; }
  std::size_t size() const noexcept { return slots_.size() + young_count_; }
  time_point next_deadline() const noexcept {
    return std::min(first_young(), slots_.empty() ? time_point::max() : slots_.front().deadline);
  }

  // The latest moment to look again that makes no timer later than its slack allows, or a little
  // earlier; max() if none is armed. Each of those due before it is asked, in order of deadline,
  // but no more than `max_asked`: the look that the others bring about pays for the next ones.
  time_point look_by() const noexcept {
    time_point latest = time_point::max();
    for (std::uint32_t i = 0; i < young_count_; ++i) {
      latest = std::min(latest, saturating_add(young_[i].deadline, young_[i].slack()));
    }
    if (slots_.empty()) return latest;
    std::uint32_t open[3 * max_asked + 4];  // a heap of those whose parents were asked
    open[0] = 0;
    std::uint32_t* end = open + 1;
    const auto is_later = [this](std::uint32_t a, std::uint32_t b) {
      return slots_[a].deadline > slots_[b].deadline;
    };
    for (unsigned asked = 0; end != open; ++asked) {
      const std::uint32_t at = open[0];
      if (slots_[at].deadline >= latest) return latest;
      if (asked == max_asked) return slots_[at].deadline;
      std::pop_heap(open, end--, is_later);
      latest = std::min(latest, saturating_add(slots_[at].deadline, slots_[at].slack()));
      const std::uint32_t count = static_cast<std::uint32_t>(slots_.size());
      for (std::uint32_t child = 4 * at + 1; child < count && child <= 4 * at + 4; ++child) {
        if (slots_[child].deadline >= latest) continue;
        *end++ = child;
        std::push_heap(open, end, is_later);
      }
    }
    return latest;
  }

  // Takes the first timer out if it is due, else nullptr.
  timer* pop_due(time_point now) noexcept {
    if (young_count_ != 0 && young_first_ <= now) {
      young_first_ = first_young();  // it may have been withdrawn since
      if (young_first_ <= now) settle();
    }
    if (slots_.empty() || slots_.front().deadline > now) return nullptr;
    timer& first = *slots_.front().what;
    disarm(first);
    return &first;
  }

 private:
  static constexpr unsigned max_asked = 64;
  static constexpr unsigned slack_bits = 8;
  static constexpr std::chrono::nanoseconds slack_unit{4096};

  static constexpr std::uint32_t most_young = 32;
  static constexpr std::uint32_t young_mark =
      0x80000000U;  // in timer::index; not_armed has it, too

  static std::uint64_t slack_units(duration slack) noexcept {
    constexpr duration::rep most = (1 << slack_bits) - 1;
    return static_cast<std::uint64_t>(std::clamp<duration::rep>(slack / slack_unit, 0, most));
  }

  // The key lies beside the pointer: a sift compares without touching cold records.
  struct slot {
    time_point deadline{};
    std::uint64_t age =
        0;  // a sequence: equal deadlines fire in the order they were set; then slack
    timer* what = nullptr;
    bool before(const slot& other) const noexcept {
      return deadline != other.deadline ? deadline < other.deadline : age < other.age;
    }
    duration slack() const noexcept {
      return slack_unit * static_cast<duration::rep>(age & ((1U << slack_bits) - 1));
    }
  };

  void make_room(std::size_t timers) {
    if (timers > slots_.capacity()) slots_.reserve(timers * 2);
  }

  time_point first_young() const noexcept {
    time_point first = time_point::max();
    for (std::uint32_t i = 0; i < young_count_; ++i) first = std::min(first, young_[i].deadline);
    return first;
  }

  void leave_young(std::uint32_t at) noexcept {
    WEFT_DEBUG_ASSERT(at < young_count_);
    if (at == --young_count_) return;
    young_[at] = young_[young_count_];
    young_[at].what->index = young_mark | at;
  }

  // Brings the young into the heap; their room there was reserved with them.
  void settle() noexcept {
    for (std::uint32_t i = 0; i < young_count_; ++i) {
      slots_.push_back(young_[i]);
      lift(static_cast<std::uint32_t>(slots_.size() - 1));
    }
    young_count_ = 0;
  }

  static std::uint32_t hole_of(const slot& s) noexcept { return s.what->index; }

  void place(std::uint32_t at, const slot& s) noexcept {
    slots_[at] = s;
    s.what->index = at;
  }

  void lift(std::uint32_t at) noexcept {
    const slot moving = slots_[at];
    while (at > 0) {
      const std::uint32_t parent = (at - 1) / 4;
      if (!moving.before(slots_[parent])) break;
      place(at, slots_[parent]);
      at = parent;
    }
    place(at, moving);
  }

  void sink(std::uint32_t at) noexcept {
    const slot moving = slots_[at];
    const std::uint32_t count = static_cast<std::uint32_t>(slots_.size());
    for (;;) {
      const std::uint32_t first = 4 * at + 1;
      if (first >= count) break;
      const std::uint32_t end = first + 4 < count ? first + 4 : count;
      std::uint32_t least = first;
      for (std::uint32_t child = first + 1; child < end; ++child) {
        if (slots_[child].before(slots_[least])) least = child;
      }
      if (!slots_[least].before(moving)) break;
      place(at, slots_[least]);
      at = least;
    }
    place(at, moving);
  }

  std::vector<slot> slots_;
  slot young_[most_young];
  std::uint32_t young_count_ = 0;
  time_point young_first_{};  // no young one is earlier; one that was may have left
  std::size_t fibers_ = 0;    // for whose timers there is room
  std::size_t extra_ = 0;     // timers beside those
  std::uint64_t sequence_ = 0;
};

}  // namespace detail
WEFT_NAMESPACE_END
