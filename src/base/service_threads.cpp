// SPDX-License-Identifier: BSL-1.0
// Counts the process's threads. Source: proc(5), /proc/PID/stat, field 20 (num_threads).
#include "service_threads.hpp"

#include <fcntl.h>

#include <cstdlib>
#include <cstring>

#include "syscalls.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

std::atomic<int> service_threads{0};

bool has_other_threads() noexcept {
  char text[1024];
  const long file = raw_syscall(SYS_openat, AT_FDCWD, "/proc/self/stat", O_RDONLY | O_CLOEXEC, 0);
  if (file < 0) return true;  // no /proc: nothing is certain
  const long bytes = raw_syscall(SYS_read, file, text, sizeof text - 1);
  raw_syscall(SYS_close, file);
  if (bytes <= 0) return true;
  text[bytes] = '\0';
  // The second field, the name, may hold anything, so count from its closing parenthesis.
  const char* at = std::strrchr(text, ')');
  for (int field = 2; at != nullptr && field < 20; ++field) at = std::strchr(at + 1, ' ');
  if (at == nullptr) return true;
  const long threads = std::strtol(at, nullptr, 10);
  if (threads < 1) return true;  // an emulator's invention
  return threads - service_threads.load(std::memory_order_relaxed) > 1;
}

}  // namespace detail
WEFT_NAMESPACE_END
