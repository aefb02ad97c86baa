// SPDX-License-Identifier: BSL-1.0
// The system calls about sockets, raw (HAZARD: a hooked one would park), that return a result or
// -errno; and how their errors are told. Layer: io.
#pragma once

#include <sys/socket.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <system_error>

#include "../base/syscalls.hpp"
#include "weft/detail/config.hpp"
#include "weft/endpoint.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

[[noreturn]] inline void throw_about(long result, const char* what, const endpoint& where) {
  throw std::system_error(static_cast<int>(-result), std::system_category(),
                          std::string("weft: ") + what + " " + where.to_string());
}

inline int raw_family(const endpoint& of) noexcept {
  return static_cast<const sockaddr*>(of.data())->sa_family;
}

// Non-blocking, and closed in a program that is started.
inline long new_socket(int family, int type) noexcept {
  return raw_syscall(SYS_socket, family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

template <class T>
long set_option(int fd, int level, int name, const T& value) noexcept {
  return raw_syscall(SYS_setsockopt, fd, level, name, &value, sizeof value);
}

// `which`: SO_SNDBUF or SO_RCVBUF. More than an int holds is as much as the system allows.
inline long set_buffer(int fd, int which, std::size_t bytes) noexcept {
  constexpr std::size_t most = std::numeric_limits<int>::max() / 2;  // the kernel doubles it
  return set_option(fd, SOL_SOCKET, which, static_cast<int>(std::min(bytes, most)));
}

inline long bind_to(int fd, const endpoint& at) noexcept {
  return raw_syscall(SYS_bind, fd, at.data(), at.size());
}

// getsockname or getpeername, by number.
endpoint ask_for_endpoint(long call, int fd);

// Connects, waiting for the answer. 0, or -errno.
long connect_and_wait(int fd, const endpoint& to);

}  // namespace detail
WEFT_NAMESPACE_END
