// SPDX-License-Identifier: BSL-1.0
// How select chooses: see select_core.hpp.
//
// - First the cases are asked one by one, in a random order: mostly one is ready, and one lock is
//   cheaper than all.
// - Then all cases' locks are taken in the order of their addresses, so that two selects over the
//   same channels cannot lock each other out. Under them the ready cases are found and one is
//   drawn; all locks but its own are given up, and it is carried out. No user code runs under
//   another's lock.
// - If none is ready, each case gets a place in its queue before a lock is given up: nothing that
//   happens after the look is missed.
// - Cases without a lock are asked before and take their places after: what they wait for changes
//   on this thread only, or in the kernel, and asking that is a system call.
// - Whoever serves one of the places must first take the claim that all of them share. So exactly
//   one case is carried out, and what the others wait for is offered to the next in their queues.
#include "weft/select.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <new>
#include <string>

#include "../base/clock.hpp"
#include "../loop/loop.hpp"
#include "weft/detail/chooser.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr wait_type select_waits[] = {
    {"select", ended_by::fibers}, {"select", ended_by::threads}, {"select", ended_by::world}};

// xorshift64: a loop's own, so that a seed makes it repeat; without one, by the time.
std::size_t draw(loop_core* here, std::size_t count) noexcept {
  if (WEFT_UNLIKELY(here != nullptr && here->is_watched)) {
    if (chooser* const one = chooser_here()) return one->draw(count);  // every one, in its turn
  }
  std::uint64_t by_time = 1;
  if (here == nullptr) {
    by_time |= static_cast<std::uint64_t>(the_machine_clock().now().time_since_epoch().count())
               << 20;
  }
  std::uint64_t& x = here != nullptr ? whole(*here).select_state : by_time;
  x ^= x << 13;
  x ^= x >> 7;
  x ^= x << 17;
  return static_cast<std::size_t>(((x >> 32) * count) >> 32);  // no division: 25 cycles
}

// One select under way.
class selection {
 public:
  selection(select_case** cases, spin_lock** locks, std::size_t count) noexcept
      : cases_(cases), count_(count), locks_(locks), here_(fibers_loop()) {
    for (std::size_t i = 0; i < count; ++i) {
      const select_case& one = *cases[i];
      if (one.lock != nullptr) locks_[lock_count_++] = one.lock;
      by_ = std::max(by_, one.by);
      if (one.is_otherwise) otherwise_ = i;
      if (one.deadline < deadline_) {
        deadline_ = one.deadline;
        first_due_ = i;
      }
    }
    if (lock_count_ > 1) order_locks();
    if (otherwise_ != count_) {
      for (std::size_t i = 0; i < count_; ++i) cases_[i]->is_exact = true;
    }
  }

  std::size_t run() {
    std::size_t done = count_;
    // For testing::explore a draw among those that are ready is the smaller choice.
    const bool is_explored = is_watched() && chooser_here() != nullptr;
    if (!is_explored && try_one_by_one(done)) return done;
    for (;;) {
      done = count_;
      if (try_ready(done)) return done;
      if (done == retry) continue;
      if (wait(done)) return done;
    }
  }

 private:
  static constexpr std::size_t retry = static_cast<std::size_t>(-1);
  static constexpr std::size_t most_one_by_one = 8;

  // By insertion: mostly there are two.
  void order_locks() noexcept {
    for (std::size_t i = 1; i < lock_count_; ++i) {
      spin_lock* const one = locks_[i];
      std::size_t at = i;
      for (; at != 0 && std::less<>()(one, locks_[at - 1]); --at) locks_[at] = locks_[at - 1];
      locks_[at] = one;
    }
    lock_count_ = static_cast<std::size_t>(std::unique(locks_, locks_ + lock_count_) - locks_);
  }

  void lock_all() noexcept {
    if (WEFT_UNLIKELY(is_watched())) {
      for (std::size_t i = 0; i < count_; ++i) note_case(*cases_[i]);
    }
    for (std::size_t i = 0; i < lock_count_; ++i) locks_[i]->lock();
  }
  void unlock_all_but(const spin_lock* kept) noexcept {
    for (std::size_t i = 0; i < lock_count_; ++i) {
      if (locks_[i] != kept) locks_[i]->unlock();
    }
  }

  bool is_watched() const noexcept { return here_ != nullptr && here_->is_watched; }

  // Asks each case, in a random order, under its own lock alone: whoever is ready first is drawn
  // fairly among all that are. That none was ready is known of no common moment.
  bool try_one_by_one(std::size_t& done) {
    std::array<std::uint8_t, most_one_by_one> left{};
    if (count_ > left.size()) return false;
    for (std::size_t i = 0; i < count_; ++i) left[i] = static_cast<std::uint8_t>(i);
    for (std::size_t n = count_; n != 0;) {
      const std::size_t drawn = n == 1 ? 0 : draw(here_, n);
      done = left[drawn];
      left[drawn] = left[--n];
      select_case& one = *cases_[done];
      if (one.lock != nullptr) one.lock->lock();
      if (one.is_ready(here_)) {
        if (commit(one)) return true;
      } else if (one.lock != nullptr) {
        one.lock->unlock();
      }
    }
    return false;
  }

  // How many are ready of the cases that have a lock, or of those that have none; `last`: one of
  // these.
  std::size_t look_at_those(bool with_lock, std::size_t& last) noexcept {
    std::size_t ready = 0;
    for (std::size_t i = 0; i < count_; ++i) {
      select_case& one = *cases_[i];
      if ((one.lock != nullptr) != with_lock) continue;
      one.was_ready = one.is_ready(here_);
      if (!one.was_ready) continue;
      last = i;
      ++ready;
    }
    return ready;
  }

  void enter_those(bool with_lock) noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      if ((cases_[i]->lock != nullptr) == with_lock) cases_[i]->enter(wait_, static_cast<int>(i));
    }
  }

  // False with the locks given up and done == retry, or, if nothing is ready, all places taken.
  bool try_ready(std::size_t& done) {
    std::size_t chosen = 0;
    std::size_t ready = look_at_those(false, chosen);
    lock_all();
    ready += look_at_those(true, chosen);
    if (ready == 0) {
      if (otherwise_ == count_) enter_those(true);
      unlock_all_but(nullptr);
      if (otherwise_ == count_) enter_those(false);
      done = otherwise_;
      return otherwise_ != count_;
    }
    if (ready > 1) {
      std::size_t left = draw(here_, ready);
      for (chosen = 0; !cases_[chosen]->was_ready || left-- != 0; ++chosen) continue;
    }
    unlock_all_but(cases_[chosen]->lock);
    done = chosen;
    if (commit(*cases_[chosen])) return true;
    done = retry;
    return false;
  }

  // Its lock is held at the call and not afterwards.
  static bool commit(select_case& one) {
    struct opener {
      spin_lock* lock;
      ~opener() {
        if (lock != nullptr) lock->unlock();
      }
    };
    claimed_waiters woken;  // signalled after the lock is given up
    const opener open{one.lock};
    return one.commit(woken);
  }

  static void note_case(const select_case& one) noexcept {
    if (one.object != nullptr) note_access(one.object, access::writes);
  }

  void leave_all() noexcept {
    for (std::size_t i = 0; i < count_; ++i) {
      note_case(*cases_[i]);
      if (cases_[i]->lock != nullptr) cases_[i]->lock->lock();
      cases_[i]->leave();
      if (cases_[i]->lock != nullptr) cases_[i]->lock->unlock();
    }
  }

  // False: try again.
  bool wait(std::size_t& done) {
    const wait_type& what = select_waits[static_cast<unsigned>(by_)];
    const wake_reason reason = wait_for_signal(wait_, what, deadline_, true);
    if (reason != wake_reason::completed) {
      if (wait_.claim.take(select_claim::withdrawn)) {
        leave_all();
        if (reason == wake_reason::cancelled) throw_cancelled(*here_);
        done = first_due_;
        return true;
      }
      wait_.wait(what);  // somebody was faster, and the signal is under way
    }
    leave_all();
    done = static_cast<std::size_t>(wait_.claim.chosen.load(std::memory_order_relaxed));
    if (cases_[done]->has_succeeded()) return true;
    wait_.~select_wait();
    ::new (static_cast<void*>(&wait_)) select_wait(here_);
    return false;
  }

  select_case** const cases_;
  const std::size_t count_;
  spin_lock** const locks_;
  std::size_t lock_count_ = 0;
  loop_core* const here_;
  ended_by by_ = ended_by::fibers;
  time_point deadline_ = time_point::max();
  std::size_t first_due_ = 0;
  std::size_t otherwise_ = count_;
  select_wait wait_{here_};
};

}  // namespace

task_case::task_case(fiber* record) : record_(record) {
  const loop_core& here = require_loop("on_done()");
  if (record == nullptr) misuse("on_done() was given an empty task handle");
  if (!is_of(here, *record)) {
    misuse("on_done() was given a task of another loop: let it send to a channel when it ends");
  }
  if (record == here.current) {
    misuse("on_done() was given " + describe(*record) + " by itself: it would wait for ever");
  }
}

bool task_case::is_ready(const loop_core*) noexcept { return record_->state == fiber_state::done; }

void task_case::on_end(wait_node& node, fiber&) noexcept {
  place& own = static_cast<place&>(node);
  if (own.wait->claim.take(own.index)) own.wait->signal_here();
}

void task_case::enter(select_wait& wait, int index) noexcept {
  place_.notify = &on_end;
  place_.wait = &wait;
  place_.index = index;
  record_->waiters.push_back(place_);
}

void task_case::leave() noexcept {
  if (place_.is_linked()) place_.unlink();
}

std::size_t select_first(select_case** cases, spin_lock** locks, std::size_t count) {
  if (count == 0) misuse("select() of nothing would wait for ever: give it a case");
  loop_core* const here = fibers_loop();
  const std::size_t done = selection(cases, locks, count).run();
  spend_of(here);
  return done;
}

}  // namespace detail
WEFT_NAMESPACE_END
