// SPDX-License-Identifier: BSL-1.0
// Whose turn it is: see once_core.hpp. After a failure the turn goes from hand to hand, in order.
#include "weft/detail/once_core.hpp"

#include <string>

#include "lock_holder.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

struct once_verdict {
  enum : std::uint8_t { done = 1, your_turn = 2 };
};

struct once_waiter : waiter {
  once_waiter(loop_core* here, const void* on) noexcept
      : waiter(here, on), self(this_holder(here)) {}
  const lock_holder self;
};

template <class Policy>
void visit_doer(const void* on, awaited_visitor& to) {
  const auto& w = static_cast<const waiter&>(*static_cast<const waker*>(on));
  const auto& core = *static_cast<const once_core<Policy>*>(w.object);
  if (const fiber* const f = known_holder(core.doer())) to.visit(*f);
}

template <class Policy>
constexpr wait_type once_wait{"once", Policy::by, &visit_doer<Policy>};

}  // namespace

template <class Policy>
bool once_core<Policy>::begin(const char* call) {
  loop_core* const here = fibers_loop();
  const lock_holder self = this_holder(here);
  core_.lock();
  if (is_done_.load(std::memory_order_relaxed)) {
    core_.unlock();
    return false;
  }
  if (doer() == nobody) {
    doer_.store(self, std::memory_order_relaxed);
    core_.unlock();
  } else if (doer() == self) {
    core_.unlock();
    misuse(std::string(call) + " was called by " + describe_caller(here) +
           " inside the function that it is to call once: it would wait for itself");
  } else {
    once_waiter own(here, this);
    core_.queue.push_back(own);
    core_.unlock();
    wait_or_throw(own, core_, once_wait<Policy>);
    if (own.verdict == once_verdict::done) return false;
  }
  if (here != nullptr) ++here->current->locks_taken;
  return true;
}

template <class Policy>
void once_core<Policy>::succeed() noexcept {
  claimed_waiters woken;  // signalled when it dies, after unlock()
  loop_core* const here = fibers_loop();
  if (here != nullptr) ++here->current->locks_given;
  core_.lock();
  doer_.store(nobody, std::memory_order_relaxed);
  is_done_.store(true, std::memory_order_release);  // pairs with the acquire of is_done()
  woken.claim_all(core_.queue, once_verdict::done);
  core_.unlock();
}

template <class Policy>
void once_core<Policy>::fail() noexcept {
  loop_core* const here = fibers_loop();
  if (here != nullptr) ++here->current->locks_given;
  core_.lock();
  wait_place* const next = core_.claim_first(once_verdict::your_turn);
  const lock_holder holder = next != nullptr ? static_cast<once_waiter*>(next)->self : nobody;
  doer_.store(holder, std::memory_order_relaxed);
  core_.unlock();
  if (next != nullptr) next->signal();
}

template class once_core<any_thread>;
template class once_core<one_loop>;

}  // namespace detail
WEFT_NAMESPACE_END
