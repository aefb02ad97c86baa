// SPDX-License-Identifier: BSL-1.0
// See address_queue.hpp.
#include "address_queue.hpp"

#include <pthread.h>

#include <cstddef>

#include "../base/syscalls.hpp"
#include "once_table.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

using detail::list_node;

// Of this thread. Initial-exec: the first access of another model allocates, which may lock.
[[gnu::tls_model("initial-exec")]] thread_local bool holds_queue = false;
[[gnu::tls_model("initial-exec")]] thread_local bool is_forking = false;

// What an unlock on this thread has woken on its own loop, since a fiber last took a lock.
enum class handed : std::uint8_t { nothing, at_once, by_message };
[[gnu::tls_model("initial-exec")]] thread_local handed woken_here = handed::nothing;

struct alignas(64) bucket {
  queue_lock guard;
  std::atomic<std::uint32_t> count{0};  // of the waiters below; written under guard
  list_node head;  // of a circle of address_waits; all zero until first used, so in no file
};
constexpr std::size_t buckets = 256;
bucket waiting_by_address[buckets];

bucket& bucket_of(const void* address) noexcept {
  // Fibonacci hashing: the high bits depend on all others. Objects that wait are 4-aligned.
  const auto key = static_cast<std::uint64_t>(reinterpret_cast<std::uintptr_t>(address)) >> 2;
  return waiting_by_address[(key * 0x9e3779b97f4a7c15U) >> 56];
}

address_wait& wait_at(list_node& node) noexcept {
  return static_cast<address_wait&>(
      static_cast<detail::waiter&>(static_cast<detail::wait_place&>(node)));
}

// Precondition of both: the bucket's lock is held.
void add(bucket& to, address_wait& one) noexcept {
  list_node& head = to.head;
  if (head.next == nullptr) head.prev = head.next = &head;
  one.prev = head.prev;
  one.next = &head;
  head.prev->next = &one;
  head.prev = &one;
  // relaxed: the fence behind the registration orders it; so do the sums of all buckets
  to.count.store(to.count.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  waiters_anywhere.value.fetch_add(1, std::memory_order_relaxed);
}
void note_removed(bucket& from) noexcept {
  from.count.store(from.count.load(std::memory_order_relaxed) - 1, std::memory_order_relaxed);
  waiters_anywhere.value.fetch_sub(1, std::memory_order_relaxed);
}

// Calls f(wait) for each until it says false; f may take it out.
template <class F>
void for_each_in(bucket& where, F&& f) {
  for (list_node* node = where.head.next; node != nullptr && node != &where.head;) {
    list_node& present = *node;
    node = node->next;
    if (!f(wait_at(present))) return;
  }
}

// True if `one` was taken out by somebody else: its signal is under way.
bool take_out(address_wait& one) noexcept {
  bucket& own = bucket_of(one.object);
  static_cast<void>(own.guard.lock());  // in a fiber: no handler of ours
  const bool is_claimed = !one.is_linked();
  if (!is_claimed) {
    one.unlink();
    note_removed(own);
  }
  own.guard.unlock();
  return is_claimed;
}

}  // namespace

void queue_lock::hold() noexcept {
  // acquire; pairs with the release of who held it before
  for (unsigned looks = 0; is_held_.exchange(true, std::memory_order_acquire);) {
    while (is_held_.load(std::memory_order_relaxed)) {
      if (++looks > 100) detail::raw_syscall(SYS_sched_yield);  // the holder may have no core
    }
  }
}

bool queue_lock::lock() noexcept {
  if (WEFT_UNLIKELY(holds_queue)) return false;
  if (WEFT_UNLIKELY(is_forking)) return true;
  holds_queue = true;
  std::atomic_signal_fence(std::memory_order_seq_cst);  // a handler must see it before the lock
  hold();
  return true;
}

void queue_lock::unlock() noexcept {
  if (WEFT_UNLIKELY(is_forking)) return;
  let_go();
  std::atomic_signal_fence(std::memory_order_seq_cst);
  holds_queue = false;
}

address_wait::address_wait(loop& here, const void* address, std::uint32_t wanted) noexcept
    : waiter(&here, address), bits(wanted) {
  bucket& own = bucket_of(address);
  static_cast<void>(own.guard.lock());
  add(own, *this);
  own.guard.unlock();
  // The waiting half of the protocol in the header: registered, and only then does the caller look
  // at the object. Pairs with fence_after_change().
  std::atomic_thread_fence(std::memory_order_seq_cst);
}

address_wait::~address_wait() = default;

bool address_wait::leave(const detail::wait_type& what) noexcept {
  if (!take_out(*this)) return false;
  waker::wait(what);
  return true;
}

wait_end address_wait::wait(const detail::wait_type& what, time_point deadline) noexcept {
  const detail::wake_reason reason = detail::wait_for_signal(*this, what, deadline, false);
  if (reason == detail::wake_reason::completed || leave(what)) return wait_end::woken;
  return reason == detail::wake_reason::interrupted ? wait_end::interrupted : wait_end::timed_out;
}

bool may_be_awaited(const void* address) noexcept {
  return bucket_of(address).count.load(std::memory_order_relaxed) != 0;
}

unsigned wake_waiting(const void* address, unsigned most, std::uint32_t wanted_bits,
                      const loop_core* here) noexcept {
  bucket& own = bucket_of(address);
  detail::claimed_waiters all(here);  // signalled when it dies, after the lock is given up
  if (!own.guard.lock()) return 0;    // who waits looks again by itself
  unsigned woken = 0;
  for_each_in(own, [&](address_wait& one) {
    if (one.object != address || (one.bits & wanted_bits) == 0) return true;
    // relaxed: it is ours only if this thread wrote it
    if (one.waiting_fiber()->home == detail::running_loop()) {
      woken_here = here != nullptr ? handed::at_once : handed::by_message;
    }
    all.claim(one, 0);
    note_removed(own);
    return ++woken < most;
  });
  own.guard.unlock();
  return woken;
}

WEFT_NOINLINE int wake_awaited(int result, const void* address, unsigned most,
                               const loop_core* here) noexcept {
  if (may_be_awaited(address)) wake_waiting(address, most, all_bits, here);
  return result;
}

void let_woken_run(loop& here) noexcept {
  if (WEFT_LIKELY(woken_here == handed::nothing)) return;
  if (woken_here == handed::by_message) {
    here.turn_end = 0;  // the next switch passes the idle context, which reads messages
    woken_here = handed::nothing;
    detail::yield_uncancelled(here);
  }
  woken_here = handed::nothing;
  detail::yield_uncancelled(here);
}

// -- fork() --

namespace {

int forking_thread = 0;  // by its number in the parent; between the handlers of one fork() only

void before_fork() noexcept {
  if (holds_queue) return;  // fork() in a handler that interrupted us: the child is as it is
  for (bucket& one : waiting_by_address) one.guard.hold();
  hold_once_table();
  forking_thread = detail::this_thread();
  is_forking = true;
}

void let_all_go() noexcept {
  if (!is_forking) return;
  is_forking = false;
  let_go_once_table();
  for (bucket& one : waiting_by_address) one.guard.let_go();
}

// The threads of other loops are not here: nobody would ever take their fibers out.
void after_fork_in_child() noexcept {
  if (!is_forking) return;
  const auto is_here = [](const detail::fiber& f) {
    // The loop may have learnt its thread's new number already.
    const int thread = f.shared.load(std::memory_order_relaxed)->thread;
    return thread == forking_thread || thread == detail::this_thread();
  };
  for (bucket& where : waiting_by_address) {
    for_each_in(where, [&](address_wait& one) {
      if (is_here(*one.waiting_fiber())) return true;
      one.unlink();
      note_removed(where);
      return true;
    });
  }
  forget_once_unless(is_here);
  note_once_generation();
  let_all_go();
}

}  // namespace

void stand_by_for_fork() noexcept {
  // ENOMEM: a child must not use the locks of its parent's fibers, as without hooks.
  pthread_atfork(&before_fork, &let_all_go, &after_fork_in_child);
}

}  // namespace hook
WEFT_NAMESPACE_END
