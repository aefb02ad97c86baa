// SPDX-License-Identifier: BSL-1.0
// See weft/standard_streams.hpp.
//
// Some facts about terminals: poll(2) calls one writable that has room for one byte, and a blocking
// write of more then waits until all of it has gone; there is no MSG_DONTWAIT. So it gets an open
// file description of its own, as libuv does. Opening the master of a pseudo-terminal makes a new
// pair instead: it answers TIOCGPTN, and is left alone.
// Of a pipe poll(2) says "writable" while a page is free, so that PIPE_BUF bytes go at once:
// pipe(7).
#include "weft/standard_streams.hpp"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <termios.h>

#include <string>
#include <system_error>

#include "../base/syscalls.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
namespace {

bool is_socket(int fd) noexcept {
  int type = 0;
  socklen_t bytes = sizeof type;
  return raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0;
}

bool is_terminal_to_open(int fd) noexcept {
  char settings[256];  // the kernel's struct termios is smaller: asm/termbits.h
  unsigned number = 0;
  return raw_syscall(SYS_ioctl, fd, TCGETS, settings) == 0 &&
         raw_syscall(SYS_ioctl, fd, TIOCGPTN, &number) < 0;
}

// The same terminal once more; < 0 if that cannot be.
long open_again(int fd) {
  const long flags = raw_syscall(SYS_fcntl, fd, F_GETFL, 0);
  if (flags < 0) return flags;
  const std::string name = "/proc/self/fd/" + std::to_string(fd);
  return raw_syscall(SYS_openat, AT_FDCWD, name.c_str(),
                     (flags & O_ACCMODE) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC, 0);
}

}  // namespace

struct standard_streams {
  static file_descriptor make(int number) {
    if (is_terminal_to_open(number)) {
      const long own = open_again(number);
      if (own >= 0) return file_descriptor(static_cast<int>(own), file_descriptor::kind::file);
    }
    constexpr int first_free = 3;  // 0 to 2 may be closed, and are not for this
    const long copy = raw_syscall(SYS_fcntl, number, F_DUPFD_CLOEXEC, first_free);
    if (copy < 0) {
      throw std::system_error(static_cast<int>(-copy), std::system_category(),
                              "weft: making a stream of descriptor " + std::to_string(number));
    }
    const int fd = static_cast<int>(copy);
    return file_descriptor(fd, is_socket(fd) ? file_descriptor::kind::other_socket
                                             : file_descriptor::kind::shared_file);
  }
};

}  // namespace detail

file_descriptor standard_input() { return detail::standard_streams::make(0); }
file_descriptor standard_output() { return detail::standard_streams::make(1); }
file_descriptor standard_error() { return detail::standard_streams::make(2); }

WEFT_NAMESPACE_END
