// SPDX-License-Identifier: BSL-1.0
// Handlers that interrupt system calls, those without SA_RESTART, are called through one of ours,
// which notes that one ran: the loop sleeps in epoll_wait, which every handler interrupts, and
// calls that wait in fibers must end with EINTR for these alone. Who asks for a handler is told the
// program's own. Layer: hook.
#include "signal_calls.hpp"

#include <array>
#include <atomic>

#include "real.hpp"
#include "waiting.hpp"

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

constexpr int signals = 65;  // 1 to 64

// The program's handler of a signal, while ours stands before it.
struct handler {
  std::atomic<void (*)(int)> plain{nullptr};
  std::atomic<void (*)(int, siginfo_t*, void*)> informed{nullptr};
};
std::array<handler, signals> handlers;

void on_signal(int number, siginfo_t* info, void* machine) {
  detail::note_interruption();
  handler& own = handlers[static_cast<std::size_t>(number)];
  // relaxed: written before the kernel was told of on_signal
  if (auto* const f = own.informed.load(std::memory_order_relaxed)) {
    f(number, info, machine);
  } else if (auto* const g = own.plain.load(std::memory_order_relaxed)) {
    g(number);
  }
}

bool is_ours(const struct sigaction& one) noexcept {
  return (one.sa_flags & SA_SIGINFO) != 0 && one.sa_sigaction == &on_signal;
}

bool interrupts(const struct sigaction& one) noexcept {
  if ((one.sa_flags & SA_RESTART) != 0) return false;
  if ((one.sa_flags & SA_SIGINFO) != 0) return one.sa_sigaction != nullptr;
  return one.sa_handler != SIG_DFL && one.sa_handler != SIG_IGN;
}

// What the program set: what the kernel has, with ours taken away.
void show_as_set(int number, struct sigaction& one) noexcept {
  if (!is_ours(one)) return;
  const handler& own = handlers[static_cast<std::size_t>(number)];
  if (auto* const f = own.informed.load(std::memory_order_relaxed)) {
    one.sa_sigaction = f;
  } else {
    one.sa_flags &= ~SA_SIGINFO;
    one.sa_handler = own.plain.load(std::memory_order_relaxed);
  }
}

struct sigaction with_ours(int number, const struct sigaction& wanted) noexcept {
  handler& own = handlers[static_cast<std::size_t>(number)];
  const bool is_informed = (wanted.sa_flags & SA_SIGINFO) != 0;
  own.informed.store(is_informed ? wanted.sa_sigaction : nullptr, std::memory_order_relaxed);
  own.plain.store(is_informed ? nullptr : wanted.sa_handler, std::memory_order_relaxed);
  struct sigaction result = wanted;
  result.sa_flags |= SA_SIGINFO;
  result.sa_sigaction = &on_signal;
  return result;
}

// Signals that a fault raises interrupt no call, and their handlers, weft's own among them, are to
// be reached by as short a way as can be.
bool may_interrupt(int number) noexcept {
  switch (number) {
    case SIGSEGV:
    case SIGBUS:
    case SIGFPE:
    case SIGILL:
    case SIGTRAP:
    case SIGABRT:
    case SIGSYS:
      return false;
    default:
      return number > 0 && number < signals;
  }
}

// After a change of SA_RESTART behind our back.
void stand_before(int number) noexcept {
  if (!may_interrupt(number)) return;
  struct sigaction present {};
  if (real::sigaction(number, nullptr, &present) != 0) return;
  if (is_ours(present) || !interrupts(present)) return;
  const struct sigaction ours = with_ours(number, present);
  real::sigaction(number, &ours, nullptr);
}

}  // namespace

void stand_before_handlers() noexcept {
  for (int number = 1; number < signals; ++number) stand_before(number);
}

}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API int sigaction(int number, const struct sigaction* wanted,
                       struct sigaction* before) noexcept {
  if (!is_active(tier::net) || !may_interrupt(number)) {
    return real::sigaction(number, wanted, before);
  }
  struct sigaction told {};
  int result = 0;
  if (wanted != nullptr && interrupts(*wanted)) {
    // The handler before may be ours: what it stands for is asked before it is replaced.
    if (real::sigaction(number, nullptr, &told) != 0) return -1;
    show_as_set(number, told);
    const struct sigaction ours = with_ours(number, *wanted);
    result = real::sigaction(number, &ours, nullptr);
  } else {
    result = real::sigaction(number, wanted, &told);
    if (result == 0) show_as_set(number, told);
  }
  if (result == 0 && before != nullptr) *before = told;
  return result;
}

WEFT_API sighandler_t signal(int number, sighandler_t wanted) noexcept {
  sighandler_t before = real::signal(number, wanted);
  if (!is_active(tier::net) || !may_interrupt(number) || before == SIG_ERR) return before;
  struct sigaction told {};
  told.sa_flags = SA_SIGINFO;
  told.sa_handler = before;
  if (is_ours(told)) {
    show_as_set(number, told);
    before = told.sa_handler;
  }
  stand_before(number);  // siginterrupt() may have been called before
  return before;
}

WEFT_API int siginterrupt(int number, int flag) noexcept {
  const int result = real::siginterrupt(number, flag);
  if (result == 0 && is_active(tier::net) && may_interrupt(number)) stand_before(number);
  return result;
}

}  // extern "C"
