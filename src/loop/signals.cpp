// SPDX-License-Identifier: BSL-1.0
// Ctrl-C: the first one cancels main, so that everything is unwound; the second one acts as if
// weft were not there. Touches SIGINT only if the program left it at its default.
#include <signal.h>

#include <atomic>
#include <cerrno>
#include <cstdlib>

#include "inbox.hpp"
#include "loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

static_assert(std::atomic<int>::is_always_lock_free, "read in a signal handler");

std::atomic<int> ring_fd{-1};  // the main thread's loop; -1: none
std::atomic<bool> is_pending{false};

void on_sigint(int) {
  const int saved_errno = errno;
  signal(SIGINT, SIG_DFL);  // the second one is immediate
  is_pending.store(true, std::memory_order_relaxed);
  const int fd = ring_fd.load(std::memory_order_relaxed);
  if (fd >= 0) inbox::ring(fd);
  errno = saved_errno;
}

bool is_ours(const struct sigaction& present) noexcept {
  return (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == &on_sigint;
}

}  // namespace

bool install_sigint_handler(int event_fd) noexcept {
  struct sigaction present;
  if (sigaction(SIGINT, nullptr, &present) != 0) return false;
  if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) return false;
  ring_fd.store(event_fd, std::memory_order_relaxed);
  struct sigaction ours {};
  ours.sa_handler = &on_sigint;
  ours.sa_flags = SA_ONSTACK | SA_RESTART;
  sigemptyset(&ours.sa_mask);
  return sigaction(SIGINT, &ours, nullptr) == 0;
}

void uninstall_sigint_handler() noexcept {
  struct sigaction present;
  if (sigaction(SIGINT, nullptr, &present) == 0 && is_ours(present)) signal(SIGINT, SIG_DFL);
  ring_fd.store(-1, std::memory_order_relaxed);
}

bool take_sigint() noexcept {
  return is_pending.load(std::memory_order_relaxed) &&
         is_pending.exchange(false, std::memory_order_relaxed);
}

void die_of_sigint() noexcept {
  signal(SIGINT, SIG_DFL);
  raise(SIGINT);
  std::_Exit(130);  // SIGINT is blocked: what a shell reports for it
}

}  // namespace detail
WEFT_NAMESPACE_END
