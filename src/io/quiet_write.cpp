// SPDX-License-Identifier: BSL-1.0
// See quiet_write.hpp.
#include "quiet_write.hpp"

#include <signal.h>

#include <cerrno>
#include <cstdint>
#include <ctime>

#include "../base/syscalls.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr std::uint64_t sigpipe_set = std::uint64_t{1} << (SIGPIPE - 1);

template <class F>
long without_sigpipe(F&& write) noexcept {
  std::uint64_t before = 0;
  std::uint64_t pending = 0;
  raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &sigpipe_set, &before, kernel_sigset_bytes);
  raw_syscall(SYS_rt_sigpending, &pending, kernel_sigset_bytes);
  const long result = write();
  if (result == -EPIPE && (pending & sigpipe_set) == 0) {
    timespec at_once{};
    while (raw_syscall(SYS_rt_sigtimedwait, &sigpipe_set, nullptr, &at_once, kernel_sigset_bytes) ==
           -EINTR) {
    }
  }
  raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before, nullptr, kernel_sigset_bytes);
  return result;
}

}  // namespace

long quiet_write(int fd, const void* from, std::size_t size) noexcept {
  return without_sigpipe([=] { return raw_syscall(SYS_write, fd, from, size); });
}

long quiet_write(int fd, const io_slice* parts, std::size_t count) noexcept {
  return without_sigpipe([=] { return raw_syscall(SYS_writev, fd, parts, count); });
}

}  // namespace detail
WEFT_NAMESPACE_END
