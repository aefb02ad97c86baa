// SPDX-License-Identifier: BSL-1.0
// syscall(SYS_futex, ...), through which libstdc++ waits in std::future, std::promise, std::async,
// std::atomic::wait and std::call_once. Layer: hook. A fiber's wait stands in the address queue;
// wakes reach fibers first and go to the kernel for the rest. The C library's own futexes do not
// come here. All other calls pass on with their six words.
//
// Not to be seen here are wakes by other processes and by code with a system call of its own. A
// wait therefore looks at the word again now and then, and returns if it has another value: futex
// waits may end without a reason.
#include <linux/futex.h>
#include <sys/syscall.h>

#include <climits>
#include <cstdarg>

#include "lock_calls.hpp"
#include "real.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr wait_type futex_wait{"futex", detail::ended_by::threads, nullptr, true};
constexpr duration longest_futex_pause = std::chrono::milliseconds(100);

struct futex_call {
  const std::uint32_t* word;
  int operation;  // without flags
  bool is_by_wall_clock;
  std::uint32_t value;
  const timespec* time;
  std::uint32_t bits;
};

std::uint32_t value_of(const futex_call& call) noexcept {
  // relaxed: a fence stands before it in address_wait; the caller orders what it reads behind
  return __atomic_load_n(call.word, __ATOMIC_RELAXED);
}

// When it gives up. Source: futex(2): FUTEX_WAIT takes a span, FUTEX_WAIT_BITSET a moment.
call_deadline deadline_of(loop& here, const futex_call& call) noexcept {
  if (call.time == nullptr) return {};
  if (call.operation == FUTEX_WAIT) return call_deadline::in(here, call.time);
  return call_deadline(here, call.is_by_wall_clock ? CLOCK_REALTIME : CLOCK_MONOTONIC, call.time);
}

// 0 or -errno.
long wait_for_futex(loop& here, const futex_call& call) noexcept {
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(call.word) % sizeof *call.word == 0;
  const call_deadline deadline = deadline_of(here, call);
  if (!is_aligned || call.bits == 0 || !deadline.is_valid()) return -EINVAL;
  pauses again(longest_futex_pause);
  bool has_waited = false;
  for (;;) {
    address_wait own(here, call.word, call.bits);
    if (value_of(call) != call.value) {
      // Woken meanwhile, it says so: that wake was counted.
      return own.leave(futex_wait) || has_waited ? 0 : -EAGAIN;
    }
    if (deadline.has_passed(here)) return own.leave(futex_wait) ? 0 : -ETIMEDOUT;
    count(tally_of(function_id::syscall).waits);
    has_waited = true;
    switch (own.wait(futex_wait, std::min(deadline.next_look(here), again.next(here)))) {
      case wait_end::woken:
        return 0;
      case wait_end::interrupted:
        return -EINTR;
      case wait_end::timed_out:
        break;
    }
  }
}

// How many fibers were woken.
long wake_fibers(const futex_call& call) noexcept {
  const int most = static_cast<int>(call.value);
  // Not the compiler's fence alone: the word may have been changed by a plain store. Pairs with the
  // one in address_wait; the kernel has the same before it looks.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (most <= 0 || waiters_anywhere.value.load(std::memory_order_relaxed) == 0 ||
      !may_be_awaited(call.word)) {
    return 0;
  }
  // By message: futex(2) may be called in a signal handler.
  return wake_waiting(call.word, static_cast<unsigned>(most), call.bits, nullptr);
}

bool is_futex_wait(int operation) noexcept {
  return operation == FUTEX_WAIT || operation == FUTEX_WAIT_BITSET;
}
bool is_futex_wake(int operation) noexcept {
  return operation == FUTEX_WAKE || operation == FUTEX_WAKE_BITSET;
}

loop* futex_loop() noexcept {
  loop* const here = lock_loop(function_id::syscall);
  return here != nullptr && !must_block(*here) ? here : nullptr;
}

// As the kernel: a result or -errno.
long call_futex(const long (&words)[6]) noexcept {
  const auto flags = static_cast<int>(words[1]);
  const int operation = flags & FUTEX_CMD_MASK;
  const bool has_bits = operation == FUTEX_WAIT_BITSET || operation == FUTEX_WAKE_BITSET;
  const futex_call call{reinterpret_cast<const std::uint32_t*>(words[0]),
                        operation,
                        (flags & FUTEX_CLOCK_REALTIME) != 0,
                        static_cast<std::uint32_t>(words[2]),
                        reinterpret_cast<const timespec*>(words[3]),
                        has_bits ? static_cast<std::uint32_t>(words[5]) : all_bits};
  if (is_futex_wait(operation)) {
    loop* const here = futex_loop();
    if (here != nullptr) return wait_for_futex(*here, call);
  }
  long woken = 0;
  if (is_futex_wake(operation)) {
    woken = wake_fibers(call);
    if (woken != 0 && woken == static_cast<int>(call.value)) return woken;
  }
  const long rest = words[2] - woken;
  const long result =
      detail::raw_syscall(SYS_futex, words[0], words[1], rest, words[3], words[4], words[5]);
  return result < 0 && woken > 0 ? woken : result + woken;
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API long syscall(long number, ...) noexcept {
  // Those that were not passed are whatever lies there; the kernel does not read them.
  std::va_list list;
  va_start(list, number);
  long words[6];
  for (long& word : words) word = va_arg(list, long);
  va_end(list);
  const long result = number == SYS_futex
                          ? call_futex(words)
                          : weft::detail::raw_syscall(number, words[0], words[1], words[2],
                                                      words[3], words[4], words[5]);
  return ended<long>(result);
}

}  // extern "C"
