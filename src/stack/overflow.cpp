// SPDX-License-Identifier: BSL-1.0
// The SIGSEGV handler. It runs on an alternate stack, because the one at hand is used up, formats
// without malloc, and lets the fault happen again afterwards: the process dies by SIGSEGV at the
// faulting instruction, as a debugger and a core dump expect.
#include "overflow.hpp"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <string_view>

#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// Appends to a fixed buffer; silently stops at its end.
class line {
 public:
  line& operator<<(std::string_view text) noexcept {
    const std::size_t count = std::min(text.size(), sizeof buffer_ - used_);
    std::memcpy(buffer_ + used_, text.data(), count);
    used_ += count;
    return *this;
  }
  line& operator<<(std::uint64_t number) noexcept {
    char digits[20];
    std::size_t at = sizeof digits;
    do {
      digits[--at] = static_cast<char>('0' + number % 10);
      number /= 10;
    } while (number != 0);
    return *this << std::string_view(digits + at, sizeof digits - at);
  }
  std::string_view text() const noexcept { return {buffer_, used_}; }

 private:
  char buffer_[512];
  std::size_t used_ = 0;
};

void report_overflow(const overflow_victim& victim, bool in_signal_handler,
                     std::string_view how) noexcept {
  line out;
  out << "weft: fiber " << victim.id;
  if (victim.name_bytes != 0)
    out << " '" << std::string_view(victim.name, victim.name_bytes) << "'";
  out << " overflowed its " << victim.stack_bytes / 1024 << " KiB stack: " << how
      << (victim.is_generator  ? " in a generator. Give it more with generator(bytes, body)"
          : victim.is_borrowed ? ". Give with_stack() more"
                               : ". Give it more with spawn_options::stack_bytes "
                                 "(options::stack_bytes for all fibers)")
      << ", or look for deep recursion and large local arrays.";
  send_report(out.text(), in_signal_handler);
}

std::mutex lock;  // guards users, previous
int users = 0;
struct sigaction previous;
std::atomic<overflow_lookup> lookup{nullptr};

void on_fault(int number, siginfo_t* info, void* machine) {
  const int saved_errno = errno;
  overflow_victim victim;
  const overflow_lookup find = lookup.load(std::memory_order_acquire);
  if (find != nullptr && find(info->si_addr, victim)) {
    report_overflow(victim, true, "a write hit the guard below it");
    signal(number, SIG_DFL);  // the fault happens again and ends the process
  } else if ((previous.sa_flags & SA_SIGINFO) != 0) {
    previous.sa_sigaction(number, info, machine);
  } else if (previous.sa_handler != SIG_DFL && previous.sa_handler != SIG_IGN) {
    previous.sa_handler(number);
  } else {
    signal(number, SIG_DFL);
    if (info->si_code <= 0) raise(number);  // sent by a process: no instruction would repeat it
  }
  errno = saved_errno;
}

}  // namespace

bool install_overflow_handler(overflow_lookup find, bool even_over_another) {
  const std::lock_guard<std::mutex> hold(lock);
  if (users == 0) {
    struct sigaction present;
    if (sigaction(SIGSEGV, nullptr, &present) != 0) return false;
    const bool is_default = (present.sa_flags & SA_SIGINFO) == 0 && present.sa_handler == SIG_DFL;
    if (!is_default && !even_over_another) return false;
    previous = present;
    lookup.store(find, std::memory_order_release);
    struct sigaction ours {};
    ours.sa_sigaction = &on_fault;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK;
    sigemptyset(&ours.sa_mask);
    sigaction(SIGSEGV, &ours, nullptr);
  }
  ++users;
  return true;
}

void uninstall_overflow_handler() noexcept {
  const std::lock_guard<std::mutex> hold(lock);
  if (--users == 0) {
    struct sigaction present;
    // Somebody who installed a handler after us keeps it.
    if (sigaction(SIGSEGV, nullptr, &present) == 0 && (present.sa_flags & SA_SIGINFO) != 0 &&
        present.sa_sigaction == &on_fault) {
      sigaction(SIGSEGV, &previous, nullptr);
    }
  }
}

void die_of_overflow(const overflow_victim& victim) noexcept {
  report_overflow(victim, false, "the canary at its end was overwritten");
  std::abort();
}

}  // namespace detail
WEFT_NAMESPACE_END
