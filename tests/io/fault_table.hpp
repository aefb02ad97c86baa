// SPDX-License-Identifier: BSL-1.0
// Which errors the system calls under weft may give: what fault_test tries, one by one.
// Sources: the manual page of each, section 2; man 7 signal for EINTR, which is never a user's.
#pragma once

#include <sys/syscall.h>

#include <cerrno>
#include <string>

#include "io/fault_operations.hpp"
#include "support/syscall_faults.hpp"

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441  // Linux 5.11; one number on all architectures
#endif

namespace weft_tests {

// Which error a call may give, and whether an operation must not show it.
struct possible {
  long number;
  const char* name;
  int error;
  fault::way how = fault::way::instead;
  bool is_hidden = false;
};

inline constexpr possible faults[] = {
    {SYS_socket, "socket", EMFILE},
    {SYS_socket, "socket", ENFILE},
    {SYS_socket, "socket", ENOBUFS},
    {SYS_socket, "socket", ENOMEM},
    {SYS_socketpair, "socketpair", EMFILE},
    {SYS_pipe2, "pipe2", ENFILE},
    {SYS_signalfd4, "signalfd4", EMFILE},
    {SYS_signalfd4, "signalfd4", ENOMEM},
    {SYS_bind, "bind", EADDRINUSE},
    {SYS_bind, "bind", EACCES},
    {SYS_listen, "listen", EADDRINUSE},
    {SYS_setsockopt, "setsockopt", ENOMEM},
    {SYS_setsockopt, "setsockopt", ENOPROTOOPT},
    {SYS_getsockopt, "getsockopt", ENOBUFS},
    {SYS_getsockname, "getsockname", ENOBUFS},
    {SYS_getpeername, "getpeername", ENOBUFS},
    {SYS_connect, "connect", EINTR, fault::way::behind, true},
    {SYS_connect, "connect", EINPROGRESS, fault::way::behind, true},
    {SYS_connect, "connect", EAGAIN},
    {SYS_connect, "connect", ECONNREFUSED},
    {SYS_connect, "connect", ETIMEDOUT},
    {SYS_connect, "connect", ENETUNREACH},
    {SYS_connect, "connect", EADDRNOTAVAIL},
    {SYS_connect, "connect", EPERM},
    {SYS_accept4, "accept4", EINTR, fault::way::instead, true},
    {SYS_accept4, "accept4", ECONNABORTED, fault::way::instead, true},
    {SYS_accept4, "accept4", EPROTO, fault::way::instead, true},
    {SYS_accept4, "accept4", EPERM, fault::way::instead, true},
    {SYS_accept4, "accept4", ENETDOWN, fault::way::instead, true},
    {SYS_accept4, "accept4", EMFILE},
    {SYS_accept4, "accept4", ENFILE},
    {SYS_accept4, "accept4", ENOBUFS},
    {SYS_accept4, "accept4", ENOMEM},
    {SYS_recvfrom, "recvfrom", EINTR, fault::way::instead, true},
    {SYS_recvfrom, "recvfrom", ECONNRESET},
    {SYS_recvfrom, "recvfrom", ENOMEM},
    {SYS_recvmsg, "recvmsg", EINTR, fault::way::instead, true},
    {SYS_recvmsg, "recvmsg", ECONNREFUSED},
    {SYS_sendto, "sendto", EINTR, fault::way::instead, true},
    {SYS_sendto, "sendto", ENOBUFS},
    {SYS_sendto, "sendto", EPIPE},
    {SYS_sendto, "sendto", ECONNRESET},
    {SYS_sendmsg, "sendmsg", EINTR, fault::way::instead, true},
    {SYS_sendmsg, "sendmsg", ENOMEM},
    {SYS_sendmsg, "sendmsg", EPIPE},
    {SYS_read, "read", EINTR, fault::way::instead, true},
    {SYS_read, "read", EIO},
    {SYS_write, "write", EINTR, fault::way::instead, true},
    {SYS_write, "write", EIO},
    {SYS_write, "write", EPIPE},
    {SYS_writev, "writev", EINTR, fault::way::instead, true},
    {SYS_writev, "writev", EPIPE},
    {SYS_readv, "readv", EINTR, fault::way::instead, true},
    {SYS_readv, "readv", EIO},
    {SYS_shutdown, "shutdown", ENOTCONN},
    {SYS_ppoll, "ppoll", EINTR, fault::way::instead, true},
    {SYS_ppoll, "ppoll", ENOMEM},
    {SYS_epoll_ctl, "epoll_ctl", ENOMEM},
    {SYS_epoll_ctl, "epoll_ctl", ENOSPC},
    {SYS_epoll_pwait, "epoll_pwait", EINTR, fault::way::instead, true},
    {SYS_epoll_pwait2, "epoll_pwait2", EINTR, fault::way::instead, true},
    {SYS_epoll_pwait2, "epoll_pwait2", EPERM, fault::way::instead, true},
    {SYS_epoll_pwait2, "epoll_pwait2", ENOSYS, fault::way::instead, true},
    {SYS_close, "close", EINTR, fault::way::behind, true},
    {SYS_close, "close", EIO, fault::way::behind},
    {SYS_recvfrom, "recvfrom", 0, fault::way::cut_short, true},
    {SYS_sendto, "sendto", 0, fault::way::cut_short, true},
    {SYS_read, "read", 0, fault::way::cut_short, true},
    {SYS_write, "write", 0, fault::way::cut_short, true},
    {SYS_writev, "writev", 0, fault::way::cut_short, true},  // one slice
    {SYS_eventfd2, "eventfd2", EMFILE},
    {SYS_epoll_create1, "epoll_create1", ENFILE},
    {SYS_futex, "futex", EINTR, fault::way::instead, true},
    {SYS_clock_nanosleep, "clock_nanosleep", EINTR, fault::way::instead, true},
};

// What no kernel does: a datagram socket connects at once; TCP has no more bytes, or no more room,
// behind a call that was cut short; an eventfd is not read in part.
inline bool can_be(const possible& one, const operation& what) {
  const std::string name = what.name;
  if (one.number == SYS_connect && (one.error == EINTR || one.error == EINPROGRESS)) {
    return name != "datagrams";
  }
  if (one.how != fault::way::cut_short) return true;
  if (one.number == SYS_recvfrom || one.number == SYS_sendto) {
    return name == "buffers" || name == "taken_over" || name.find("unix") == 0;
  }
  return name == "pipes";
}

}  // namespace weft_tests
