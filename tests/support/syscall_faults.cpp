// SPDX-License-Identifier: BSL-1.0
// See syscall_faults.hpp. Reads x86-64 registers; other machines are told why not.
#include "support/syscall_faults.hpp"

#include <sys/syscall.h>
#include <unistd.h>

#include "support/build_kind.hpp"

#if defined(__x86_64__) && defined(__linux__)

#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "base/syscalls.hpp"

// Calls made between the first label and the last are let through by the kernel.
//   plain:   the call, then back; registers that were changed for it are as they were
//   forced:  the same, but the result is replaced
//   thread:  clone(): the new thread returns from it, too, at the same time, so the way back is in
//   a
//            register; libc's wrapper needs r9 for nothing
//   restore: the end of a signal handler
asm(R"(
  .pushsection .text
  .hidden weft_tests_calls_begin, weft_tests_plain_call, weft_tests_forced_call
  .hidden weft_tests_thread_call, weft_tests_restore, weft_tests_calls_end
  .globl weft_tests_calls_begin, weft_tests_plain_call, weft_tests_forced_call
  .globl weft_tests_thread_call, weft_tests_restore, weft_tests_calls_end
weft_tests_calls_begin:
weft_tests_plain_call:
  syscall
  mov weft_tests_rsi(%rip), %rsi
  mov weft_tests_rdx(%rip), %rdx
  jmp *weft_tests_way_back(%rip)
weft_tests_forced_call:
  syscall
  mov weft_tests_forced_result(%rip), %rax
  jmp *weft_tests_way_back(%rip)
weft_tests_thread_call:
  syscall
  jmp *%r9
weft_tests_restore:
  mov $15, %eax
  syscall
  hlt
weft_tests_calls_end:
  .popsection
)");

extern "C" {
extern char weft_tests_calls_begin[];
extern char weft_tests_plain_call[];
extern char weft_tests_forced_call[];
extern char weft_tests_thread_call[];
extern char weft_tests_restore[];
extern char weft_tests_calls_end[];
[[gnu::visibility("hidden"), gnu::used]] long weft_tests_way_back = 0;
[[gnu::visibility("hidden"), gnu::used]] long weft_tests_forced_result = 0;
[[gnu::visibility("hidden"), gnu::used]] long weft_tests_rsi = 0;
[[gnu::visibility("hidden"), gnu::used]] long weft_tests_rdx = 0;

extern char __executable_start[];  // of the linker
extern char etext[];
}

namespace weft_tests {
namespace {

// Of <linux/prctl.h>, which is older than 5.11 on some systems.
constexpr int prctl_dispatch = 59;
constexpr unsigned long dispatch_off = 0;
constexpr unsigned long dispatch_on = 1;
constexpr char let_through = 0;
constexpr char take_over = 1;

constexpr std::size_t known_calls = 512;
constexpr unsigned long clone_vm = 0x100;
constexpr unsigned long clone_vfork = 0x4000;

// Of the kernel; libc's differs, and its sigaction() brings its own end of a handler, which makes a
// call that would be taken over.
struct kernel_sigaction {
  void (*handler)(int, siginfo_t*, void*);
  unsigned long flags;
  char* restorer;
  std::uint64_t mask;
};
constexpr unsigned long sa_restorer = 0x04000000;

volatile char selector = let_through;
fault chosen;
bool struck = false;
unsigned counts[known_calls];
std::uint64_t mask_without_ours;
kernel_sigaction action_before;
stack_t stack_before;

// Not instrumented: it runs in the middle of anything.
#define WEFT_TESTS_PLAIN __attribute__((no_sanitize("address", "thread", "undefined")))

WEFT_TESTS_PLAIN bool is_of_the_program(const void* at) noexcept {
  return at >= __executable_start && at < etext;
}

WEFT_TESTS_PLAIN bool starts_thread(long number, const greg_t* words) noexcept {
  if (number == SYS_clone3) return true;
  const auto flags = static_cast<unsigned long>(words[REG_RDI]);
  return number == SYS_clone && (flags & clone_vm) != 0 && (flags & clone_vfork) == 0;
}

WEFT_TESTS_PLAIN void on_call(int, siginfo_t* info, void* context) {
  greg_t* const words = static_cast<ucontext_t*>(context)->uc_mcontext.gregs;
  const long number = info->si_syscall;
  if (number == SYS_rt_sigreturn) {  // another handler's: the stack pointer says where it was
    words[REG_RIP] = reinterpret_cast<greg_t>(weft_tests_restore);
    return;
  }
  bool is_meant = false;
  if (is_of_the_program(info->si_call_addr) && number >= 0 &&
      static_cast<std::size_t>(number) < known_calls) {
    const unsigned nth = ++counts[number];
    is_meant = number == chosen.number && nth == chosen.nth;
  }
  if (is_meant) struck = true;
  if (is_meant && chosen.how == fault::way::instead) {
    words[REG_RAX] = -chosen.error;
    return;
  }
  if (starts_thread(number, words)) {
    words[REG_R9] = words[REG_RIP];
    words[REG_RIP] = reinterpret_cast<greg_t>(weft_tests_thread_call);
    return;
  }
  weft_tests_rsi = words[REG_RSI];
  weft_tests_rdx = words[REG_RDX];
  if (is_meant && chosen.how == fault::way::cut_short && words[REG_RDX] > 1) words[REG_RDX] = 1;
  if (number == SYS_rt_sigprocmask && words[REG_RSI] != 0) {
    // Where it is blocked, as libc has all signals while it starts a thread, the kernel kills.
    mask_without_ours = *reinterpret_cast<const std::uint64_t*>(words[REG_RSI]);
    if (words[REG_RDI] != SIG_UNBLOCK) mask_without_ours &= ~(std::uint64_t{1} << (SIGSYS - 1));
    words[REG_RSI] = reinterpret_cast<greg_t>(&mask_without_ours);
  }
  weft_tests_way_back = words[REG_RIP];
  weft_tests_forced_result = -chosen.error;
  words[REG_RIP] = reinterpret_cast<greg_t>(is_meant && chosen.how == fault::way::behind
                                                ? weft_tests_forced_call
                                                : weft_tests_plain_call);
}

long set_action(const kernel_sigaction* to, kernel_sigaction* before) noexcept {
  return weft::detail::raw_syscall(SYS_rt_sigaction, SIGSYS, to, before,
                                   weft::detail::kernel_sigset_bytes);
}

long dispatch(unsigned long how) noexcept {
  const char* const begin = how == dispatch_on ? weft_tests_calls_begin : nullptr;
  const long bytes = how == dispatch_on ? weft_tests_calls_end - weft_tests_calls_begin : 0;
  const volatile char* const by = how == dispatch_on ? &selector : nullptr;
  return weft::detail::raw_syscall(SYS_prctl, prctl_dispatch, how, begin, bytes,
                                   const_cast<const char*>(by));
}

constexpr std::size_t signal_stack_bytes = 256 * 1024;

}  // namespace

const char* syscall_faults::why_not() noexcept {
  if (is_tsan) return "ThreadSanitizer's runtime blocks signals, and then makes calls";
  if (dispatch(dispatch_on) != 0) {
    return "the kernel takes no system calls over: Linux 5.11 does, an emulator does not";
  }
  dispatch(dispatch_off);
  return nullptr;
}

syscall_faults::syscall_faults(const fault& which) noexcept {
  chosen = which;
  struck = false;
  std::memset(counts, 0, sizeof counts);
  // A small fiber's stack has no room for a frame with all of the processor's registers.
  signal_stack_ = ::mmap(nullptr, signal_stack_bytes, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (signal_stack_ == MAP_FAILED) std::abort();
  stack_t stack{};
  stack.ss_sp = signal_stack_;
  stack.ss_size = signal_stack_bytes;
  ::sigaltstack(&stack, &stack_before);
  kernel_sigaction action{};
  action.handler = &on_call;
  action.flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER | sa_restorer;
  action.restorer = weft_tests_restore;
  if (set_action(&action, &action_before) != 0 || dispatch(dispatch_on) != 0) std::abort();
  selector = take_over;
}

syscall_faults::~syscall_faults() {
  selector = let_through;
  dispatch(dispatch_off);
  set_action(&action_before, nullptr);
  ::sigaltstack(&stack_before, nullptr);
  ::munmap(signal_stack_, signal_stack_bytes);
}

bool syscall_faults::has_struck() const noexcept { return struck; }

unsigned syscall_faults::calls_of(long number) const noexcept {
  return counts[static_cast<std::size_t>(number)];
}

unsigned syscall_faults::calls() const noexcept {
  unsigned sum = 0;
  for (const unsigned one : counts) sum += one;
  return sum;
}

}  // namespace weft_tests

#else

namespace weft_tests {

const char* syscall_faults::why_not() noexcept {
  return "only x86-64's kernel takes a thread's system calls over";
}
syscall_faults::syscall_faults(const fault&) noexcept {}
syscall_faults::~syscall_faults() = default;
bool syscall_faults::has_struck() const noexcept { return false; }
unsigned syscall_faults::calls_of(long) const noexcept { return 0; }
unsigned syscall_faults::calls() const noexcept { return 0; }

}  // namespace weft_tests

#endif
