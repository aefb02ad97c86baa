// SPDX-License-Identifier: BSL-1.0
// See weft/pipe.hpp.
#include "weft/pipe.hpp"

#include <fcntl.h>

#include <system_error>

#include "../base/syscalls.hpp"

WEFT_NAMESPACE_BEGIN

pipe_ends make_pipe() {
  int fds[2] = {-1, -1};
  const long result = detail::raw_syscall(SYS_pipe2, fds, O_NONBLOCK | O_CLOEXEC);
  if (result < 0) {
    throw std::system_error(static_cast<int>(-result), std::system_category(),
                            "weft: making a pipe");
  }
  return {file_descriptor(fds[0]), file_descriptor(fds[1])};
}

WEFT_NAMESPACE_END
