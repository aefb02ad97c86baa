// SPDX-License-Identifier: BSL-1.0
// See once_table.hpp.
#include "once_table.hpp"

#include <pthread.h>

#include "address_queue.hpp"
#include "real.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

struct begun_once {
  const void* what = nullptr;  // nullptr: free
  const detail::fiber* by = nullptr;
};

// More than are initialised at a time anywhere: they nest, and fibers come together at few.
constexpr std::size_t most_begun = 256;

queue_lock once_guard;         // guards the two below
begun_once begun[most_begun];  // constant, so without a guard of its own
std::size_t begun_end = 0;     // behind the last one in use

begun_once* find_begun(const void* what) noexcept {
  for (std::size_t i = 0; i < begun_end; ++i) {
    if (begun[i].what == what) return &begun[i];
  }
  return nullptr;
}

// Read by the initialiser of a control of our own.
pthread_once_t* once_probe = nullptr;
std::atomic<int> in_progress_value{1};

void forget_begun(begun_once& one) noexcept {
  one = begun_once{};
  while (begun_end > 0 && begun[begun_end - 1].what == nullptr) --begun_end;
}

}  // namespace

once_turn begin_once(const void* what, const detail::fiber& self) noexcept {
  if (!once_guard.lock()) return once_turn::no_room;
  begun_once* one = find_begun(what);
  once_turn result = once_turn::others;
  if (one != nullptr) {
    if (one->by == &self) result = once_turn::own;
  } else {
    one = find_begun(nullptr);
    if (one == nullptr && begun_end < most_begun) one = &begun[begun_end++];
    result = one != nullptr ? once_turn::ours : once_turn::no_room;
    if (one != nullptr) *one = {what, &self};
  }
  once_guard.unlock();
  return result;
}

void end_once(const void* what) noexcept {
  if (!once_guard.lock()) return;
  begun_once* const one = find_begun(what);
  if (one != nullptr) forget_begun(*one);
  once_guard.unlock();
  if (one == nullptr) return;
  // The other half: address_wait registers, then is_once_begun().
  std::atomic_thread_fence(std::memory_order_seq_cst);
  wake_some(0, what, all_waiters, detail::running_loop());
}

bool is_once_begun(const void* what) noexcept { return doer_of_once(what) != nullptr; }

const detail::fiber* doer_of_once(const void* what) noexcept {
  if (!once_guard.lock()) return nullptr;
  const begun_once* const one = find_begun(what);
  const detail::fiber* const doer = one != nullptr ? one->by : nullptr;
  once_guard.unlock();
  return doer;
}

int once_in_progress() noexcept { return in_progress_value.load(std::memory_order_relaxed); }

void note_once_generation() noexcept {
  pthread_once_t probe = PTHREAD_ONCE_INIT;
  once_probe = &probe;
  real::pthread_once(&probe, [] {
    in_progress_value.store(__atomic_load_n(once_probe, __ATOMIC_RELAXED),
                            std::memory_order_relaxed);
  });
  once_probe = nullptr;
}

void hold_once_table() noexcept { once_guard.hold(); }
void let_go_once_table() noexcept { once_guard.let_go(); }

void forget_once_unless(bool (*is_here)(const detail::fiber& f)) noexcept {
  for (begun_once& one : begun) {
    if (one.what != nullptr && !is_here(*one.by)) one = begun_once{};
  }
  while (begun_end > 0 && begun[begun_end - 1].what == nullptr) --begun_end;
}

}  // namespace hook
WEFT_NAMESPACE_END
