// SPDX-License-Identifier: BSL-1.0
// Rounds: filling, completing, draining, and over; or broken, until somebody resets it. See
// barrier_core.hpp.
//
// Who is cancelled or late takes his arrival back, and the others go on waiting, as asyncio's do
// (a wait() that is cancelled only lowers its count). Once all have arrived nothing is taken back.
#include "weft/detail/barrier_core.hpp"

#include <string>
#include <utility>

#include "weft/detail/check.hpp"
#include "weft/errors.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

struct barrier_waiter : waiter {
  barrier_waiter(loop_core* here, const void* on, bool has_place) noexcept
      : waiter(here, on), has_index(has_place) {}
  const bool has_index;  // it arrived with this very wait
  std::size_t index = 0;
};

namespace {

struct barrier_verdict {
  enum : std::uint8_t { passed = 1, broken = 2 };
};

template <class Policy>
constexpr wait_type barrier_wait{"barrier", Policy::by};

[[noreturn]] void throw_broken() {
  throw broken_barrier("weft: the barrier is broken: somebody aborted it, or reset it meanwhile");
}

}  // namespace

template <class Policy>
barrier_core<Policy>::barrier_core(std::ptrdiff_t parties)
    : parties_(parties), size_(parties), pending_(parties) {
  if (parties < 1) {
    misuse("barrier(" + std::to_string(parties) + "): a barrier is for one party at least");
  }
}

template <class Policy>
barrier_core<Policy>::~barrier_core() {
  core_.lock();  // the last one to leave may be on its way back
  core_.unlock();
  WEFT_ASSERT(late_.empty() && draining_ == 0 && "nobody is inside the barrier any more");
}

// True: the lock is held, and the round can be joined. False: too late.
template <class Policy>
bool barrier_core<Policy>::enter(loop_core* here, time_point deadline) {
  core_.lock();
  for (;;) {
    if (is_broken_) {
      core_.unlock();
      throw_broken();
    }
    if (!is_completing_ && draining_ == 0) return true;
    waiter own(here, this);
    late_.push_back(own);
    core_.unlock();
    if (!wait_or_throw(own, core_, barrier_wait<Policy>, deadline)) return false;
    core_.lock();
  }
}

// True for the last one. Unlocks when it throws.  Precondition: the lock is held.
template <class Policy>
bool barrier_core<Policy>::take(std::ptrdiff_t n, const char* call) {
  if (n < 1 || n > pending_) {
    const std::ptrdiff_t pending = pending_;
    core_.unlock();
    misuse(std::string(call) + " was called for " + std::to_string(n) + " when " +
           std::to_string(pending) + " had still to arrive in this round: only the parties that " +
           "the barrier was made for arrive, once in a round");
  }
  pending_ -= n;
  is_completing_ = pending_ == 0;
  return is_completing_;
}

template <class Policy>
barrier_turn barrier_core<Policy>::arrive_and_wait(time_point deadline, std::size_t& index) {
  loop_core* const here = fibers_loop();
  if (!enter(here, deadline)) return barrier_turn::late;
  if (take(1, "barrier::arrive_and_wait()")) {
    core_.unlock();
    spend_of(here);
    return barrier_turn::last;
  }
  const std::uint64_t round = round_;
  barrier_waiter own(here, this, true);
  core_.queue.push_back(own);
  core_.unlock();
  const queue_end end = wait_queued(own, core_, barrier_wait<Policy>, deadline, true);
  if (end == queue_end::signalled) {
    index = own.index;
    leave(own.verdict);
    return barrier_turn::passed;
  }
  core_.lock();
  if (round == round_ && !is_completing_) ++pending_;
  core_.unlock();
  if (end == queue_end::cancelled) throw_cancelled(*own.waiting_fiber()->home);
  return barrier_turn::late;
}

template <class Policy>
bool barrier_core<Policy>::arrive(std::ptrdiff_t n, bool drops, std::uint64_t& round,
                                  const char* call) {
  loop_core* const here = fibers_loop();
  enter(here, time_point::max());
  const bool is_last = take(n, call);
  if (drops) --parties_;
  round = round_;
  core_.unlock();
  spend_of(here);
  return is_last;
}

template <class Policy>
bool barrier_core<Policy>::wait_round(std::uint64_t round, time_point deadline) {
  loop_core* const here = fibers_loop();
  core_.lock();
  const bool is_broken = is_broken_ ? round == round_ : round == reset_round_;
  if (is_broken || round != round_) {
    core_.unlock();
    if (is_broken) throw_broken();
    spend_of(here);
    return true;
  }
  barrier_waiter own(here, this, false);
  core_.queue.push_back(own);
  core_.unlock();
  if (!wait_or_throw(own, core_, barrier_wait<Policy>, deadline)) return false;
  leave(own.verdict);
  return true;
}

// After a wait that was ended.
template <class Policy>
void barrier_core<Policy>::leave(std::uint8_t verdict) {
  {
    claimed_waiters woken;  // signalled when it dies, after unlock()
    core_.lock();
    --draining_;
    let_in(woken);
    core_.unlock();
  }
  if (verdict == barrier_verdict::broken) throw_broken();
}

template <class Policy>
std::size_t barrier_core<Policy>::end_round() {
  std::size_t index = 0;
  bool was_spoilt = false;
  {
    claimed_waiters woken;
    core_.lock();
    is_completing_ = false;
    was_spoilt = std::exchange(is_spoilt_, false);
    if (!was_spoilt) {
      index = static_cast<std::size_t>(size_ - 1);
      release(woken, barrier_verdict::passed);
      start_round();
    }
    let_in(woken);
    core_.unlock();
  }
  if (was_spoilt) throw_broken();
  return index;
}

template <class Policy>
void barrier_core<Policy>::abort() noexcept {
  claimed_waiters woken;
  core_.lock();
  is_broken_ = true;
  is_spoilt_ = is_completing_;
  release(woken, barrier_verdict::broken);
  let_in(woken);
  core_.unlock();
}

template <class Policy>
void barrier_core<Policy>::reset() noexcept {
  claimed_waiters woken;
  core_.lock();
  is_broken_ = false;
  is_spoilt_ = is_completing_;
  reset_round_ = round_;
  release(woken, barrier_verdict::broken);
  start_round();
  let_in(woken);
  core_.unlock();
}

// Ends the waits of this round. One whose wait a cancel or a deadline has ended already finds out
// for itself; its round will be over then, and its arrival stays counted.
template <class Policy>
void barrier_core<Policy>::release(claimed_waiters& woken, std::uint8_t verdict) noexcept {
  const loop_core* const here = running_loop();
  std::size_t place = 0;
  while (wait_place* const first = first_waiting(core_.queue, here)) {
    auto& one = static_cast<barrier_waiter&>(*first);
    if (one.has_index) one.index = place++;
    ++draining_;
    woken.claim(one, verdict);
  }
}

template <class Policy>
void barrier_core<Policy>::start_round() noexcept {
  ++round_;
  size_ = pending_ = parties_;
}

template <class Policy>
void barrier_core<Policy>::let_in(claimed_waiters& woken) noexcept {
  if (is_broken_ || (!is_completing_ && draining_ == 0))
    woken.claim_all(late_, barrier_verdict::passed);
}

template <class Policy>
std::ptrdiff_t barrier_core<Policy>::parties() const noexcept {
  core_.lock();
  const std::ptrdiff_t parties = parties_;
  core_.unlock();
  return parties;
}

template <class Policy>
std::size_t barrier_core<Policy>::waiting() const noexcept {
  core_.lock();
  const std::ptrdiff_t arrived = is_broken_ ? 0 : size_ - pending_;
  core_.unlock();
  return static_cast<std::size_t>(arrived);
}

template <class Policy>
bool barrier_core<Policy>::is_broken() const noexcept {
  core_.lock();
  const bool is_broken = is_broken_;
  core_.unlock();
  return is_broken;
}

template class barrier_core<any_thread>;
template class barrier_core<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
