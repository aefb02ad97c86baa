// SPDX-License-Identifier: BSL-1.0
// See sigquit.hpp. The handler counts the signal and rings every loop that listens; each prints at
// its next look, on its own thread. Touches SIGQUIT only if the program left it at its default.
#include "sigquit.hpp"

#include <signal.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>

#include "../base/syscalls.hpp"
#include "inbox.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

static_assert(std::atomic<int>::is_always_lock_free, "read in a signal handler");

constexpr int most_slots = 256;  // loops beyond are not rung: they print when they wake next

std::atomic<unsigned> signals{0};
std::atomic<int> bells[most_slots];    // event_fd + 1; 0: free
std::atomic<int> handlers_at_work{0};  // who may still ring a bell that was taken down
std::mutex installing;
unsigned listeners = 0;  // guarded by installing

void on_sigquit(int) {
  const int saved_errno = errno;
  // All seq_cst: either stop() sees this handler, or the handler the empty slot (Dekker).
  handlers_at_work.fetch_add(1);
  signals.fetch_add(1);
  for (const std::atomic<int>& bell : bells) {
    const int fd = bell.load() - 1;
    if (fd >= 0) inbox::ring(fd);
  }
  handlers_at_work.fetch_sub(1);
  errno = saved_errno;
}

bool is_handler(void (*handler)(int)) noexcept {
  struct sigaction present;
  return sigaction(SIGQUIT, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) == 0 &&
         present.sa_handler == handler;
}

void install() noexcept {
  if (!is_handler(SIG_DFL)) return;
  struct sigaction ours {};
  ours.sa_handler = &on_sigquit;
  ours.sa_flags = SA_ONSTACK | SA_RESTART;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGQUIT, &ours, nullptr);
}

}  // namespace

bool is_tree_wanted_by_environment() noexcept {
  static const bool is_wanted = [] {
    const char* const value = std::getenv("WEFT_TREE_ON_SIGQUIT");
    return value != nullptr && *value != '\0' && std::strcmp(value, "0") != 0;
  }();
  return is_wanted;
}

void lock_sigquit() noexcept { installing.lock(); }
void unlock_sigquit() noexcept { installing.unlock(); }

void forget_sigquit_listeners() noexcept {
  if (is_handler(&on_sigquit)) signal(SIGQUIT, SIG_DFL);
  for (std::atomic<int>& bell : bells) bell.store(0);
  handlers_at_work.store(0);  // of threads that are not here
  listeners = 0;
}

void sigquit_listener::start(int event_fd) noexcept {
  is_on_ = true;
  seen_ = signals.load();
  for (int i = 0; i < most_slots && slot_ < 0; ++i) {
    int free = 0;
    if (bells[i].compare_exchange_strong(free, event_fd + 1)) slot_ = i;
  }
  const std::lock_guard<std::mutex> lock(installing);
  if (listeners++ == 0) install();
}

void sigquit_listener::stop() noexcept {
  if (!is_on_) return;
  is_on_ = false;
  {
    const std::lock_guard<std::mutex> lock(installing);
    if (--listeners == 0 && is_handler(&on_sigquit)) signal(SIGQUIT, SIG_DFL);
  }
  if (slot_ >= 0) bells[slot_].store(0);
  slot_ = -1;
  while (handlers_at_work.load() != 0) raw_syscall(SYS_sched_yield);
}

bool sigquit_listener::take_slowly() noexcept {
  const unsigned sent = signals.load(std::memory_order_relaxed);
  if (sent == seen_) return false;
  seen_ = sent;
  return true;
}

}  // namespace detail
WEFT_NAMESPACE_END
