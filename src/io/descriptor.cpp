// SPDX-License-Identifier: BSL-1.0
// See weft/descriptor.hpp.
#include "weft/descriptor.hpp"

#include <poll.h>

#include <cerrno>
#include <string>
#include <system_error>

#include "../base/syscalls.hpp"
#include "../loop/descriptor_wait.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

bool wait_for(int fd, short events, time_point deadline, const char* what) {
  const int happened = detail::wait_for_descriptor(fd, events, deadline);
  if (happened < 0) {
    throw std::system_error(-happened, std::system_category(),
                            std::string("weft: ") + what + " descriptor " + std::to_string(fd));
  }
  return happened != 0;
}

}  // namespace

void wait_readable(int fd) { wait_readable_until(fd, time_point::max()); }
void wait_writable(int fd) { wait_writable_until(fd, time_point::max()); }

bool wait_readable_until(int fd, time_point deadline) {
  return wait_for(fd, POLLIN, deadline, "waiting to read from");
}
bool wait_writable_until(int fd, time_point deadline) {
  return wait_for(fd, POLLOUT, deadline, "waiting to write to");
}

void close_descriptor(int fd) {
  detail::forget_descriptor(fd, 0);
  const long result = detail::raw_syscall(SYS_close, fd);
  // EINTR: Linux has closed it all the same.
  if (result < 0 && result != -EINTR) {
    throw std::system_error(static_cast<int>(-result), std::system_category(),
                            "weft: closing descriptor " + std::to_string(fd));
  }
}

WEFT_NAMESPACE_END
