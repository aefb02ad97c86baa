// SPDX-License-Identifier: BSL-1.0
// One writer or many readers: see shared_lock_core.hpp. The lock always goes from hand to hand, in
// the order of the queue, between threads too: readers that came first would otherwise be passed by
// writers, and the other way round.
#include "weft/detail/shared_lock_core.hpp"

#include <string>

#include "lock_holder.hpp"
#include "weft/detail/check.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct shared_waiter : waiter {
  shared_waiter(loop_core* here, const void* on, bool reads) noexcept
      : waiter(here, on), self(this_holder(here)), is_reader(reads) {}
  const lock_holder self;
  const bool is_reader;
  bool was_robbed = false;
};

namespace {

struct shared_lock_verdict {
  enum : std::uint8_t { granted = 1, robbed = 2 };
};

template <class Policy>
void visit_writer(const void* on, awaited_visitor& to) {
  const auto& w = static_cast<const waiter&>(*static_cast<const waker*>(on));
  const auto& core = *static_cast<const shared_lock_core<Policy>*>(w.object);
  if (const fiber* const f = known_holder(core.writer())) to.visit(*f);
}

template <class Policy>
constexpr wait_type shared_wait{"shared mutex", Policy::by, &visit_writer<Policy>};

void count_lock(loop_core* here) noexcept {
  if (here != nullptr) ++here->current->locks_taken;
}
void count_unlock(loop_core* here) noexcept {
  if (here != nullptr) ++here->current->locks_given;
}

}  // namespace

template <class Policy>
shared_lock_core<Policy>::~shared_lock_core() {
  guard_.lock();  // who unlocked it last may be on his way back
  guard_.unlock();
  if (!queue_.empty()) {
    fatal("a shared_mutex was destroyed while others wait for it: it must outlive all who lock it");
  }
  if (writer() == nobody && readers_ == 0) return;
  try {
    send_report("weft: a shared_mutex was destroyed while " +
                (readers_ != 0 ? std::to_string(readers_) + " hold"
                               : describe_holder(writer()) + " holds") +
                " it: it must outlive all who lock it");
  } catch (...) {
  }
}

template <class Policy>
bool shared_lock_core<Policy>::nobody_waits(const loop_core* here) noexcept {
  return queue_.empty() || first_waiting(queue_, here) == nullptr;
}

template <class Policy>
bool shared_lock_core<Policy>::can_write(const loop_core* here) noexcept {
  return writer() == nobody && readers_ == 0 && nobody_waits(here);
}

// Unlocks guard_ when it throws.
template <class Policy>
void shared_lock_core<Policy>::refuse_again(loop_core* here, const char* call) {
  if (writer() != this_holder(here)) return;
  guard_.unlock();
  misuse(std::string(call) + " was called by " + describe_caller(here) +
         ", which holds the lock alone already: unlock it before");
}

// Gives the lock to those whose turn it is: one writer, or all readers before the next writer.
// Precondition: guard_ is held.
template <class Policy>
void shared_lock_core<Policy>::grant(claimed_waiters& woken, loop_core* here) noexcept {
  while (!queue_.empty() && writer() == nobody) {
    auto* const first = static_cast<shared_waiter*>(first_waiting(queue_, here));
    if (first == nullptr || (!first->is_reader && readers_ != 0)) return;
    if (first->is_reader) {
      ++readers_;
    } else {
      writer_.store(first->self, std::memory_order_relaxed);
      const bool is_near =
          here != nullptr && first->is_for_fiber() && first->waiting_fiber()->home == here;
      offered_ = is_near ? first : nullptr;
      offered_by_ = this_holder(here);
    }
    woken.claim(*first, shared_lock_verdict::granted);
  }
}

// A hand-over may be taken away once: std::lock() would otherwise meet locks that somebody has, and
// nobody uses, for ever.  Precondition: guard_ is held.
template <class Policy>
bool shared_lock_core<Policy>::take_from_offered(const loop_core* here) noexcept {
  if (here == nullptr || offered_ == nullptr || offered_by_ == this_holder(here) ||
      !offered_->is_leaving(here) || offered_->was_robbed) {
    return false;
  }
  offered_->verdict = shared_lock_verdict::robbed;
  offered_->was_robbed = true;
  offered_ = nullptr;
  return true;
}

template <class Policy>
bool shared_lock_core<Policy>::lock_until(time_point deadline, const char* call) {
  loop_core* const here = fibers_loop();
  bool was_robbed = false;
  for (;;) {
    guard_.lock();
    refuse_again(here, call);
    if (can_write(here)) {
      writer_.store(this_holder(here), std::memory_order_relaxed);
      guard_.unlock();
      count_lock(here);
      spend_of(here);
      return true;
    }
    shared_waiter own(here, this, false);
    own.was_robbed = was_robbed;
    if (was_robbed) {
      queue_.push_front(own);
    } else {
      queue_.push_back(own);
    }
    guard_.unlock();
    if (wait_queued(own, guard_, shared_wait<Policy>, deadline, false) != queue_end::signalled) {
      leave_queue(here);
      return false;
    }
    guard_.lock();
    const bool is_granted = own.verdict == shared_lock_verdict::granted;
    if (offered_ == &own) offered_ = nullptr;
    guard_.unlock();
    if (is_granted) break;
    was_robbed = true;
  }
  count_lock(here);
  return true;
}

// After a wait that came to nothing: those behind may go on.
template <class Policy>
void shared_lock_core<Policy>::leave_queue(loop_core* here) noexcept {
  claimed_waiters woken;  // signalled when it dies, after unlock()
  guard_.lock();
  grant(woken, here);
  guard_.unlock();
}

template <class Policy>
bool shared_lock_core<Policy>::try_lock() noexcept {
  loop_core* const here = fibers_loop();
  guard_.lock();
  const bool is_taken = can_write(here) || take_from_offered(here);
  if (is_taken) writer_.store(this_holder(here), std::memory_order_relaxed);
  guard_.unlock();
  if (is_taken) count_lock(here);
  return is_taken;
}

template <class Policy>
void shared_lock_core<Policy>::unlock(const char* call) {
  loop_core* const here = fibers_loop();
  claimed_waiters woken;
  guard_.lock();
  if (writer() != this_holder(here)) {
    const lock_holder holder = writer();
    const std::size_t readers = readers_;
    guard_.unlock();
    const std::string who = readers != 0       ? std::to_string(readers) + " with shared locks hold"
                            : holder != nobody ? describe_holder(holder) + " holds"
                                               : "nobody holds";
    misuse(std::string(call) + " was called by " + describe_caller(here) + ", but " + who +
           " the lock");
  }
  writer_.store(nobody, std::memory_order_relaxed);
  grant(woken, here);
  guard_.unlock();
  count_unlock(here);
}

template <class Policy>
bool shared_lock_core<Policy>::lock_shared_until(time_point deadline, const char* call) {
  loop_core* const here = fibers_loop();
  guard_.lock();
  refuse_again(here, call);
  if (writer() == nobody && nobody_waits(here)) {
    ++readers_;
    guard_.unlock();
    count_lock(here);
    spend_of(here);
    return true;
  }
  shared_waiter own(here, this, true);
  queue_.push_back(own);
  guard_.unlock();
  if (wait_queued(own, guard_, shared_wait<Policy>, deadline, false) != queue_end::signalled) {
    leave_queue(here);
    return false;
  }
  count_lock(here);
  return true;
}

template <class Policy>
bool shared_lock_core<Policy>::try_lock_shared() noexcept {
  loop_core* const here = fibers_loop();
  guard_.lock();
  const bool is_taken = writer() == nobody && nobody_waits(here);
  if (is_taken) ++readers_;
  guard_.unlock();
  if (is_taken) count_lock(here);
  return is_taken;
}

template <class Policy>
void shared_lock_core<Policy>::unlock_shared(const char* call) {
  loop_core* const here = fibers_loop();
  claimed_waiters woken;
  guard_.lock();
  if (readers_ == 0) {
    const lock_holder holder = writer();
    guard_.unlock();
    misuse(std::string(call) + " was called by " + describe_caller(here) + ", but " +
           (holder == nobody              ? "nobody holds the lock"
            : holder == this_holder(here) ? "it holds the lock alone: call unlock()"
                                          : describe_holder(holder) + " holds the lock alone"));
  }
  --readers_;
  grant(woken, here);
  guard_.unlock();
  count_unlock(here);
}

template class shared_lock_core<any_thread>;
template class shared_lock_core<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
