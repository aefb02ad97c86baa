// SPDX-License-Identifier: BSL-1.0
// See weft/signal_set.hpp.
#include "weft/signal_set.hpp"

#include <signal.h>
#include <sys/signalfd.h>

#include <string>
#include <system_error>

#include "../base/syscalls.hpp"
#include "weft/detail/check.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

std::uint64_t set_of(std::initializer_list<int> signals) {
  std::uint64_t set = 0;
  for (const int one : signals) {
    if (one < 1 || one > 64) {
      detail::misuse("signal_set was given " + std::to_string(one) + ", which is no signal");
    }
    set |= std::uint64_t{1} << (one - 1);
  }
  return set;
}

}  // namespace

signal_set::signal_set(std::initializer_list<int> signals) {
  const std::uint64_t set = set_of(signals);
  const long fd = detail::raw_syscall(SYS_signalfd4, -1, &set, detail::kernel_sigset_bytes,
                                      SFD_NONBLOCK | SFD_CLOEXEC);
  if (fd < 0) {
    throw std::system_error(static_cast<int>(-fd), std::system_category(),
                            "weft: waiting for signals");
  }
  from_ = file_descriptor(static_cast<int>(fd));
  detail::raw_syscall(SYS_rt_sigprocmask, SIG_BLOCK, &set, &before_, detail::kernel_sigset_bytes);
}

signal_set::~signal_set() {
  signalfd_siginfo late{};
  while (was_waited_for_ &&
         detail::raw_syscall(SYS_read, from_.native_handle(), &late, sizeof late) > 0) {
  }
  detail::raw_syscall(SYS_rt_sigprocmask, SIG_SETMASK, &before_, nullptr,
                      detail::kernel_sigset_bytes);
}

int signal_set::wait() {
  signalfd_siginfo came{};
  from_.read_some(&came, sizeof came);
  was_waited_for_ = true;
  return static_cast<int>(came.ssi_signo);
}

WEFT_NAMESPACE_END
