// SPDX-License-Identifier: BSL-1.0
// read, recv and their like. Layer: hook.
#include "../io/parts_cursor.hpp"
#include "offload.hpp"
#include "real.hpp"
#include "waiting.hpp"

#ifndef RWF_NOWAIT
#define RWF_NOWAIT 0x00000008
#endif

WEFT_NAMESPACE_BEGIN
namespace hook {
namespace {

using detail::ask_for_descriptor;

// Terminals, inotify, tmpfs and older kernels have no RWF_NOWAIT: poll(2) is asked, and the call
// made when it would not wait. Another reader of the same file may be faster, and then it blocks.
bool has_no_nowait(long result) noexcept {
  return result == -EOPNOTSUPP || result == -ENOSYS || result == -EINVAL || result == -ESPIPE;
}

// `plain` is the C library's call: a result, or -1 with errno.
template <class Plain>
ssize_t read_when_polled(loop& here, function_id id, int fd, Plain&& plain) {
  call_waits waits(here, id, fd, POLLIN);
  while (ask_for_descriptor(fd, POLLIN) == 0) {
    const long end = waits.wait();
    if (end == must_call_plainly) break;
    if (end == -EAGAIN && is_nonblocking(fd)) break;  // it says so itself
    if (end != 0) return ended<ssize_t>(end);
  }
  spend(here);
  return plain();
}

template <class Plain>
ssize_t read_parts(loop& here, function_id id, int fd, const iovec* parts, int count,
                   Plain&& plain) {
  const long result = call_when_ready(here, id, fd, POLLIN, [&] {
    return raw_syscall(SYS_preadv2, fd, parts, count, -1L, -1L, RWF_NOWAIT);
  });
  if (WEFT_LIKELY(result >= 0)) return result;
  if (has_no_nowait(result)) return read_when_polled(here, id, fd, plain);
  if (result != must_call_plainly) return ended<ssize_t>(result);
  // EAGAIN of a regular file: its page is not in memory.
  if (!is_active(tier::files) || must_block(here)) return plain();
  return ended<ssize_t>(offload(here, id, [&]() -> long {
    const ssize_t read = plain();
    return read >= 0 ? read : -errno;
  }));
}

bool is_stream(int fd) noexcept {
  int type = 0;
  socklen_t bytes = sizeof type;
  return raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_TYPE, &type, &bytes) == 0 &&
         type == SOCK_STREAM;
}

// TCP gives nothing to who asks for nothing, at once; but not if it must not wait: then it says
// EAGAIN. All others wait for a message or the end.
bool gives_nothing_at_once(int fd) noexcept {
  int family = 0;
  socklen_t bytes = sizeof family;
  return raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_DOMAIN, &family, &bytes) == 0 &&
         (family == AF_INET || family == AF_INET6) && is_stream(fd);
}

std::size_t bytes_of(const msghdr& message) noexcept {
  std::size_t all = 0;
  for (std::size_t i = 0; i < message.msg_iovlen; ++i) all += message.msg_iov[i].iov_len;
  return all;
}

// What MSG_WAITALL waits for behind the first bytes. A peek sees them again each time: no event
// tells of more, so it looks every millisecond.
WEFT_NOINLINE long receive_rest(loop& here, function_id id, int fd, const msghdr& message,
                                int flags, long got) noexcept {
  detail::parts_cursor<io_space> left(reinterpret_cast<const io_space*>(message.msg_iov),
                                      message.msg_iovlen);
  const bool is_peek = (flags & MSG_PEEK) != 0;
  if (!is_peek) left.advance(static_cast<std::size_t>(got));
  call_waits waits(here, id, fd, POLLIN);
  const auto room = left.next().bytes + (is_peek ? 0 : static_cast<std::size_t>(got));
  while (static_cast<std::size_t>(got) < room) {
    const auto batch = left.next();
    msghdr rest{};
    rest.msg_iov = reinterpret_cast<iovec*>(const_cast<io_space*>(batch.parts));
    rest.msg_iovlen = batch.count;
    const long more = raw_syscall(SYS_recvmsg, fd, &rest, flags | MSG_DONTWAIT);
    if (more == 0 || (more < 0 && more != -EAGAIN)) return more == 0 && is_peek ? more : got;
    if (is_peek) {
      if (more > 0 && more <= got) {
        const auto soon = detail::saturating_add(here.time->now(), std::chrono::milliseconds(1));
        if (detail::sleep_hooked(here, soon) < 0) return got;
      }
      got = more > got ? more : got;
      continue;
    }
    if (more > 0) {
      got += more;
      left.advance(static_cast<std::size_t>(more));
    } else if (waits.wait() != 0) {
      return got;
    }
  }
  return got;
}

template <class Attempt>
long receive(loop& here, function_id id, int fd, const msghdr& message, int flags,
             Attempt&& attempt) noexcept {
  if ((flags & MSG_DONTWAIT) != 0) {
    spend(here);
    return attempt(flags);
  }
  const bool wants_nothing = bytes_of(message) == 0;
  const long first = call_when_ready(here, id, fd, POLLIN, [&]() -> long {
    const long now = attempt(flags | MSG_DONTWAIT);
    const bool is_done = WEFT_UNLIKELY(wants_nothing) && now == -EAGAIN && !is_nonblocking(fd) &&
                         gives_nothing_at_once(fd);
    return is_done ? 0 : now;
  });
  if (first == must_call_plainly) return attempt(flags);
  if (WEFT_LIKELY((flags & MSG_WAITALL) == 0) || first <= 0 || !is_stream(fd) ||
      is_nonblocking(fd)) {
    return first;
  }
  return receive_rest(here, id, fd, message, flags, first);
}

ssize_t receive_from(loop& here, function_id id, int fd, void* to, size_t bytes, int flags,
                     sockaddr* from, socklen_t* from_bytes) noexcept {
  iovec part{to, bytes};
  msghdr whole{};
  whole.msg_iov = &part;
  whole.msg_iovlen = 1;
  return ended<ssize_t>(receive(here, id, fd, whole, flags, [&](int with) {
    return raw_syscall(SYS_recvfrom, fd, to, bytes, with, from, from_bytes);
  }));
}

// As the kernel does it: the limit is looked at after each message, and an error that comes behind
// some messages is kept for the next call, or lost.
int receive_messages(loop& here, int fd, mmsghdr* messages, unsigned count, int flags,
                     const timespec* longest) noexcept {
  const time_point limit = longest != nullptr ? deadline_in(here, *longest) : time_point::max();
  unsigned got = 0;
  while (got < count) {
    const bool waits_for_one = got == 0 || (flags & MSG_WAITFORONE) == 0;
    const int with = (flags & ~MSG_WAITFORONE) | (waits_for_one ? 0 : MSG_DONTWAIT);
    msghdr& message = messages[got].msg_hdr;
    const long bytes = receive(here, function_id::recvmmsg, fd, message, with, [&](int flag) {
      return raw_syscall(SYS_recvmsg, fd, &message, flag);
    });
    if (bytes < 0) return got != 0 ? static_cast<int>(got) : ended<int>(bytes);
    messages[got].msg_len = static_cast<unsigned>(bytes);
    ++got;
    if (here.time->now() >= limit) break;
  }
  return static_cast<int>(got);
}

ssize_t read_one(loop& here, function_id id, int fd, void* to, size_t bytes) {
  const iovec part{to, bytes};
  return read_parts(here, id, fd, &part, 1, [&] { return real::read(fd, to, bytes); });
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API ssize_t read(int fd, void* to, size_t bytes) {
  loop* const here = fiber_loop(tier::net, function_id::read);
  if (here == nullptr) return real::read(fd, to, bytes);
  return read_one(*here, function_id::read, fd, to, bytes);
}

WEFT_API ssize_t __read_chk(int fd, void* to, size_t bytes, size_t room) {
  loop* const here = fiber_loop(tier::net, function_id::__read_chk);
  if (here == nullptr || bytes > room) return real::__read_chk(fd, to, bytes, room);
  return read_one(*here, function_id::__read_chk, fd, to, bytes);
}

WEFT_API ssize_t readv(int fd, const iovec* parts, int count) {
  loop* const here = fiber_loop(tier::net, function_id::readv);
  if (here == nullptr) return real::readv(fd, parts, count);
  return read_parts(*here, function_id::readv, fd, parts, count,
                    [&] { return real::readv(fd, parts, count); });
}

WEFT_API ssize_t recvfrom(int fd, void* to, size_t bytes, int flags, sockaddr* from,
                          socklen_t* from_bytes) {
  loop* const here = fiber_loop(tier::net, function_id::recvfrom);
  if (here == nullptr) return real::recvfrom(fd, to, bytes, flags, from, from_bytes);
  return receive_from(*here, function_id::recvfrom, fd, to, bytes, flags, from, from_bytes);
}

WEFT_API ssize_t __recvfrom_chk(int fd, void* to, size_t bytes, size_t room, int flags,
                                sockaddr* from, socklen_t* from_bytes) {
  loop* const here = fiber_loop(tier::net, function_id::__recvfrom_chk);
  if (here == nullptr || bytes > room) {
    return real::__recvfrom_chk(fd, to, bytes, room, flags, from, from_bytes);
  }
  return receive_from(*here, function_id::__recvfrom_chk, fd, to, bytes, flags, from, from_bytes);
}

WEFT_API ssize_t recv(int fd, void* to, size_t bytes, int flags) {
  loop* const here = fiber_loop(tier::net, function_id::recv);
  if (here == nullptr) return real::recv(fd, to, bytes, flags);
  return receive_from(*here, function_id::recv, fd, to, bytes, flags, nullptr, nullptr);
}

WEFT_API ssize_t __recv_chk(int fd, void* to, size_t bytes, size_t room, int flags) {
  loop* const here = fiber_loop(tier::net, function_id::__recv_chk);
  if (here == nullptr || bytes > room) return real::__recv_chk(fd, to, bytes, room, flags);
  return receive_from(*here, function_id::__recv_chk, fd, to, bytes, flags, nullptr, nullptr);
}

WEFT_API ssize_t recvmsg(int fd, msghdr* message, int flags) {
  loop* const here = fiber_loop(tier::net, function_id::recvmsg);
  if (here == nullptr || message == nullptr) return real::recvmsg(fd, message, flags);
  return ended<ssize_t>(receive(*here, function_id::recvmsg, fd, *message, flags, [&](int with) {
    return raw_syscall(SYS_recvmsg, fd, message, with);
  }));
}

WEFT_API int recvmmsg(int fd, mmsghdr* messages, unsigned count, int flags, timespec* longest) {
  loop* const here = fiber_loop(tier::net, function_id::recvmmsg);
  if (here == nullptr || count == 0 || (longest != nullptr && !is_valid(*longest))) {
    return real::recvmmsg(fd, messages, count, flags, longest);
  }
  return receive_messages(*here, fd, messages, count, flags, longest);
}

}  // extern "C"
