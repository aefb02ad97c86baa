// SPDX-License-Identifier: BSL-1.0
// See stalled_thread.hpp.
#include "stalled_thread.hpp"

#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <ucontext.h>
#include <unistd.h>
#include <unwind.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <new>

#include "../base/safe_read.hpp"
#include "../base/syscalls.hpp"
#include "loop.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

// -- a thread that computes: it is asked, and answers from a signal handler --

constexpr int question_signal = SIGURG;
constexpr duration patience = std::chrono::milliseconds(20);

enum class question : int { none, asked, answering, answered };

// One question at a time; the members besides `state` belong to whoever is at work by it.
struct {
  std::atomic<question> state{question::none};
  const watched_loop* about = nullptr;
  stalled_thread* answer = nullptr;
} the_question;
static_assert(std::atomic<question>::is_always_lock_free, "read in a signal handler");

const void* interrupted_at(const void* machine) noexcept {
  const auto& registers = static_cast<const ucontext_t*>(machine)->uc_mcontext;
#if defined(__x86_64__)
  return reinterpret_cast<const void*>(registers.gregs[REG_RIP]);
#else
  return reinterpret_cast<const void*>(registers.pc);
#endif
}

struct unwinding {
  stalled_thread& found;
  const void* from;  // the interrupted instruction: what was unwound before is the handler's
  bool has_begun = false;
};

_Unwind_Reason_Code note_frame(_Unwind_Context* frame, void* argument) noexcept {
  auto& here = *static_cast<unwinding*>(argument);
  int is_before_instruction = 0;
  const auto* at = reinterpret_cast<const char*>(_Unwind_GetIPInfo(frame, &is_before_instruction));
  if (at == here.from) here.has_begun = true;
  if (!here.has_begun) return _URC_NO_REASON;
  if (at == nullptr || here.found.frame_count == stalled_thread::most_frames) {
    return _URC_END_OF_STACK;
  }
  here.found.frames[here.found.frame_count++] = is_before_instruction != 0 ? at : at - 1;
  return _URC_NO_REASON;
}

void note_stack(stalled_thread& found, const void* from) noexcept {
  unwinding here{found, from};
  _Unwind_Backtrace(&note_frame, &here);
  if (found.frame_count == 0) found.frames[found.frame_count++] = from;
}

// On the stalled thread, where the fiber's record cannot go away.
WEFT_NO_SANITIZE void answer_question(const void* from) noexcept {
  const watched_loop& about = *the_question.about;
  stalled_thread& found = *the_question.answer;
  found.how = stalled_thread::manner::moved;
  if (!is_same_step(about)) return;
  const fiber& self = *about.core->current;
  found.id = self.id;
  found.site = self.site;
  const std::string_view name = name_of(self);
  found.name_bytes = std::min(name.size(), stalled_thread::most_name_bytes);
  std::memcpy(found.name, name.data(), found.name_bytes);
  note_stack(found, from);
  found.how = stalled_thread::manner::computes;
}

void on_question(int, siginfo_t*, void* machine) {
  const int saved_errno = errno;
  question expected = question::asked;
  // acquire; pairs with the release in ask(): what is asked
  if (the_question.state.compare_exchange_strong(expected, question::answering,
                                                 std::memory_order_acquire)) {
    const bool is_ours = running_loop() == the_question.about->core;
    if (is_ours) answer_question(interrupted_at(machine));
    // Another thread got a SIGURG from elsewhere: the question stands.
    the_question.state.store(is_ours ? question::answered : question::asked,
                             std::memory_order_release);
  }
  errno = saved_errno;
}

// The handler is in place only while a question stands: a program's own is never replaced.
class handler_in_place {
 public:
  handler_in_place() noexcept {
    struct sigaction present;
    if (sigaction(question_signal, nullptr, &present) != 0) return;
    if ((present.sa_flags & SA_SIGINFO) != 0 || present.sa_handler != SIG_DFL) return;
    struct sigaction ours {};
    ours.sa_sigaction = &on_question;
    ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    sigfillset(&ours.sa_mask);
    is_there_ = sigaction(question_signal, &ours, nullptr) == 0;
  }
  ~handler_in_place() {
    struct sigaction present;
    if (is_there_ && sigaction(question_signal, nullptr, &present) == 0 &&
        (present.sa_flags & SA_SIGINFO) != 0 && present.sa_sigaction == &on_question) {
      signal(question_signal, SIG_DFL);  // one that comes too late is ignored
    }
  }
  handler_in_place(const handler_in_place&) = delete;
  handler_in_place& operator=(const handler_in_place&) = delete;
  explicit operator bool() const noexcept { return is_there_; }

 private:
  bool is_there_ = false;
};

void ask(const watched_loop& loop, stalled_thread& found) noexcept {
  stalled_thread warm_up;  // the unwinder resolves its symbols here, not in the handler
  note_stack(warm_up, nullptr);
  found.how = stalled_thread::manner::silent;
  const handler_in_place handler;
  if (!handler) return;
  the_question.about = &loop;
  the_question.answer = &found;
  the_question.state.store(question::asked, std::memory_order_release);
  raw_syscall(SYS_tgkill, raw_syscall(SYS_getpid), loop.thread, question_signal);
  const time_point end = clock::now() + patience;
  // acquire; pairs with the release in the handler: the answer
  while (the_question.state.load(std::memory_order_acquire) != question::answered) {
    question expected = question::asked;
    // One that is answering will have done: it is waited for, whatever the time.
    if (clock::now() >= end &&
        the_question.state.compare_exchange_strong(expected, question::none)) {
      return;
    }
    usleep(100);
  }
  the_question.state.store(question::none, std::memory_order_relaxed);
}

// -- a thread in a system call: nothing is asked of it --

// The name by its representation: a std::string whose text may be gone.
void read_name(const fiber& seen, stalled_thread& found) noexcept {
  const baggage* bag = nullptr;
  static_assert(sizeof seen.bag == sizeof bag);
  if (safe_read(&bag, &seen.bag, sizeof bag) != sizeof bag || bag == nullptr) return;
  alignas(std::string) unsigned char bytes[sizeof(std::string)];
  if (safe_read(bytes, &bag->name, sizeof bytes) != sizeof bytes) return;
  const auto& text = *std::launder(reinterpret_cast<const std::string*>(bytes));
  const std::size_t wanted = std::min(text.size(), stalled_thread::most_name_bytes);
  found.name_bytes = safe_read(found.name, text.data(), wanted);
}

struct code_range {
  const char* begin;
  const char* end;
};
struct code_ranges {
  static constexpr std::size_t most = 256;
  code_range all[most];
  std::size_t count = 0;
};

int note_code(dl_phdr_info* object, std::size_t, void* argument) {
  auto& ranges = *static_cast<code_ranges*>(argument);
  for (int i = 0; i < object->dlpi_phnum && ranges.count < code_ranges::most; ++i) {
    const ElfW(Phdr)& part = object->dlpi_phdr[i];
    if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
    const char* const begin = reinterpret_cast<const char*>(object->dlpi_addr) + part.p_vaddr;
    ranges.all[ranges.count++] = {begin, begin + part.p_memsz};
  }
  return 0;
}

// True if a call stands right before `at`.
bool is_behind_a_call(const code_ranges& ranges, const char* at) noexcept {
  const bool is_code =
      std::any_of(ranges.all, ranges.all + ranges.count,
                  [at](const code_range& r) { return at >= r.begin + 8 && at < r.end; });
  unsigned char before[8];
  if (!is_code || safe_read(before, at - 8, sizeof before) != sizeof before) return false;
#if defined(__x86_64__)
  // E8 rel32, or FF /2 with 0, 1 or 4 bytes of displacement, with or without SIB.
  // Source: Intel SDM volume 2, CALL.
  if (before[3] == 0xe8) return true;
  for (const std::size_t bytes : {2U, 3U, 4U, 6U, 7U}) {
    if (before[8 - bytes] == 0xff && (before[9 - bytes] & 0x38) == 0x10) return true;
  }
  return false;
#else
  // BL, BLR. Source: Arm ARM, C6.2.
  std::uint32_t instruction = 0;
  std::memcpy(&instruction, before + 4, sizeof instruction);
  return (instruction & 0xfc000000U) == 0x94000000U || (instruction & 0xfffffc1fU) == 0xd63f0000U;
#endif
}

// Up to 16 KiB of the stack, never beyond its top.
void scan_stack(const char* from, const char* top, stalled_thread& found) noexcept {
  constexpr std::size_t most_bytes = 16 * 1024;
  constexpr std::size_t most_guesses = 20;
  static code_ranges ranges;  // the watchdog's alone; too large for a stack
  ranges.count = 0;
  dl_iterate_phdr(&note_code, &ranges);
  const char* const end = std::min(top, from + most_bytes);
  const char* word = nullptr;
  for (; from + sizeof word <= end && found.frame_count < most_guesses; from += sizeof word) {
    if (safe_read(&word, from, sizeof word) != sizeof word) return;
    if (is_behind_a_call(ranges, word)) found.frames[found.frame_count++] = word - 1;
  }
}

const char* top_of_stack(const loop& home, const fiber& seen) noexcept {
  if (&seen == &home.root) {
    return static_cast<const char*>(home.root_stack_bottom) + home.root_stack_bytes;
  }
  const stack* bound = nullptr;
  char* top = nullptr;
  if (!safe_read(bound, const_cast<const stack**>(&seen.bound))) return nullptr;
  return safe_read(top, &bound->top) ? top : nullptr;
}

struct kernel_view {
  long call = -1;
  const char* stack = nullptr;
  const char* code = nullptr;
  bool runs = true;
};

// man 5 proc: "running", or "CALL SIX ARGUMENTS SP PC", or "-1 SP PC" for one that is not in a
// call.
bool ask_kernel(int thread, kernel_view& view) noexcept {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/self/task/%d/syscall", thread);
  const long file = raw_syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  char text[256];
  const long bytes = raw_syscall(SYS_read, file, text, sizeof text - 1);
  raw_syscall(SYS_close, file);
  if (bytes <= 0) return false;
  text[bytes] = '\0';
  view.runs = std::strncmp(text, "running", 7) == 0;
  if (view.runs) return true;
  unsigned long sp = 0;
  unsigned long pc = 0;
  const bool is_call =
      std::sscanf(text, "%ld %*x %*x %*x %*x %*x %*x %lx %lx", &view.call, &sp, &pc) == 3;
  if (!is_call && std::sscanf(text, "%ld %lx %lx", &view.call, &sp, &pc) != 3) return false;
  view.stack = reinterpret_cast<const char*>(sp);
  view.code = reinterpret_cast<const char*>(pc);
  return true;
}

// Who runs there. Its members are read by the kernel only: it may be gone.
void read_identity(const fiber& seen, stalled_thread& found) noexcept {
  safe_read(found.id, &seen.id);
  safe_read(found.site, &seen.site);
  read_name(seen, found);
}

void look_from_outside(const watched_loop& watched, const kernel_view& view,
                       stalled_thread& found) noexcept {
  read_identity(*watched.seen, found);
  found.call = view.call;
  found.frames[found.frame_count++] = view.code;
  if (const char* const top =
          top_of_stack(static_cast<const loop&>(*watched.core), *watched.seen)) {
    scan_stack(view.stack, top, found);
  }
  found.how = stalled_thread::manner::blocked;
}

}  // namespace

void look_at_stalled(const watched_loop& loop, stalled_thread& found) noexcept {
  kernel_view view;
  if (!ask_kernel(loop.thread, view)) view.runs = true;  // no such file: better cut a call short
  if (view.runs) {
    ask(loop, found);
    if (found.how != stalled_thread::manner::silent) return;
    read_identity(*loop.seen, found);
    found.call = -1;
    found.frame_count = 0;
    found.how = stalled_thread::manner::silent;
  } else {
    look_from_outside(loop, view, found);
  }
  // Unmoved, so what was read was true.
  if (!is_same_step(loop)) found.how = stalled_thread::manner::moved;
}

}  // namespace detail
WEFT_NAMESPACE_END
