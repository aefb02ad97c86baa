// SPDX-License-Identifier: BSL-1.0
// See bulk_advice.hpp.
#include "bulk_advice.hpp"

#include <atomic>
#include <cerrno>

#include "../base/sanitizers.hpp"
#include "../base/syscalls.hpp"

#ifndef SYS_process_madvise
#define SYS_process_madvise 440  // Linux 5.10; one number on all architectures
#endif

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

constexpr int pidfd_self = -10000;  // newer than many a system's headers

std::atomic<bool> kernel_takes_many{true};  // until it refuses

}  // namespace

bool advise_all(const iovec* areas, std::size_t count, int advice) noexcept {
  // relaxed: a hint; another thread that still tries gets the same answer
  if (!kernel_takes_many.load(std::memory_order_relaxed)) return false;
  // valgrind 3.19 does not know the call, and says so on every program's stderr.
  const long advised = is_on_valgrind()
                           ? -ENOSYS
                           : raw_syscall(SYS_process_madvise, pidfd_self, areas, count, advice, 0);
  if (advised == -ENOSYS || advised == -EPERM || advised == -EBADF || advised == -EINVAL) {
    kernel_takes_many.store(false, std::memory_order_relaxed);
  }
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i) bytes += areas[i].iov_len;
  return advised >= 0 && static_cast<std::size_t>(advised) == bytes;
}

}  // namespace detail
WEFT_NAMESPACE_END
