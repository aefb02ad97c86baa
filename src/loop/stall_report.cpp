// SPDX-License-Identifier: BSL-1.0
// See stall_report.hpp.
#include "stall_report.hpp"

#include <sys/syscall.h>

#include <chrono>

#include "../base/code_names.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

struct call_name {
  long number;
  const char* name;
};

// Those in which a program blocks; others are told by their number.
constexpr call_name call_names[] = {
#ifdef SYS_poll
    {SYS_poll, "poll"},
#endif
#ifdef SYS_select
    {SYS_select, "select"},
#endif
#ifdef SYS_pause
    {SYS_pause, "pause"},
#endif
#ifdef SYS_open
    {SYS_open, "open"},
#endif
#ifdef SYS_epoll_wait
    {SYS_epoll_wait, "epoll_wait"},
#endif
    {SYS_read, "read"},
    {SYS_write, "write"},
    {SYS_readv, "readv"},
    {SYS_writev, "writev"},
    {SYS_pread64, "pread"},
    {SYS_pwrite64, "pwrite"},
    {SYS_openat, "openat"},
    {SYS_fsync, "fsync"},
    {SYS_fdatasync, "fdatasync"},
    {SYS_flock, "flock"},
    {SYS_fcntl, "fcntl"},
    {SYS_ioctl, "ioctl"},
    {SYS_ppoll, "ppoll"},
    {SYS_pselect6, "pselect"},
    {SYS_epoll_pwait, "epoll_pwait"},
    {SYS_nanosleep, "nanosleep"},
    {SYS_clock_nanosleep, "clock_nanosleep"},
    {SYS_futex, "futex (a lock, a condition or the end of a thread)"},
    {SYS_wait4, "wait4"},
    {SYS_waitid, "waitid"},
    {SYS_connect, "connect"},
    {SYS_accept, "accept"},
    {SYS_accept4, "accept4"},
    {SYS_recvfrom, "recvfrom"},
    {SYS_recvmsg, "recvmsg"},
    {SYS_sendto, "sendto"},
    {SYS_sendmsg, "sendmsg"},
    {SYS_rt_sigtimedwait, "sigtimedwait"},
    {SYS_rt_sigsuspend, "sigsuspend"},
};

std::string describe_call(long number) {
  if (number < 0) return "waits for a page of memory";
  for (const call_name& one : call_names) {
    if (one.number == number) return std::string("is blocked in the system call ") + one.name;
  }
  return "is blocked in system call number " + std::to_string(number);
}

std::string whole_ms(duration span) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(span).count()) +
         " ms";
}

std::string describe_place(const stalled_thread& found) {
  switch (found.how) {
    case stalled_thread::manner::computes:
      return "It computes in";
    case stalled_thread::manner::blocked:
      return "It " + describe_call(found.call) +
             ". The addresses on its stack, some of which may be of calls that are over:";
    case stalled_thread::manner::silent:
    case stalled_thread::manner::moved:
      break;
  }
  return "Its stack is not known: the program uses or blocks SIGURG.";
}

}  // namespace

std::string describe_stall(const stalled_thread& found, duration held, duration waited) {
  std::string text = "weft: fiber " + std::to_string(found.id);
  if (found.name_bytes != 0) text += " '" + std::string(found.name, found.name_bytes) + "'";
  if (found.site.where != nullptr) text += " (spawned at " + describe(found.site) + ")";
  text +=
      " has held its thread for " + whole_ms(held) + ", and no other fiber of its loop could run";
  if (waited >= std::chrono::milliseconds(1)) {
    text += " (besides " + whole_ms(waited) + " without a core)";
  }
  text += ". " + describe_place(found);
  for (std::size_t i = 0; i < found.frame_count; ++i) {
    text += "\n  " + name_of_code(found.frames[i]);
  }
  return text;
}

}  // namespace detail
WEFT_NAMESPACE_END
