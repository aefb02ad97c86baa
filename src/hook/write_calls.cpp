// SPDX-License-Identifier: BSL-1.0
// write, send and their like. A blocking write to a stream returns when all is written: what does
// not fit at once is written as room comes; with an error in the middle it tells how much was.
// Layer: hook.
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
using cursor = detail::parts_cursor<io_slice>;

const io_slice* slices(const iovec* parts) noexcept {
  return reinterpret_cast<const io_slice*>(parts);
}
iovec* vectors(const io_slice* parts) noexcept {
  return reinterpret_cast<iovec*>(const_cast<io_slice*>(parts));
}

std::size_t bytes_of(const iovec* parts, std::size_t count) noexcept {
  std::size_t all = 0;
  for (std::size_t i = 0; i < count; ++i) all += parts[i].iov_len;
  return all;
}

// Writes what is left behind the first `done` bytes; `attempt(parts, count)` is one system call.
template <class Attempt>
WEFT_NOINLINE long write_rest(loop& here, function_id id, int fd, const iovec* parts,
                              std::size_t count, long done, Attempt&& attempt) noexcept {
  if (is_nonblocking(fd)) return done;
  cursor left(slices(parts), count);
  left.advance(static_cast<std::size_t>(done));
  call_waits waits(here, id, fd, POLLOUT);
  for (auto batch = left.next(); batch.count != 0; batch = left.next()) {
    const long more = attempt(vectors(batch.parts), batch.count);
    if (more > 0) {
      done += more;
      left.advance(static_cast<std::size_t>(more));
      spend(here);
      continue;
    }
    if (more != -EAGAIN || waits.wait() != 0) break;
  }
  return done;
}

template <class Plain>
ssize_t write_when_polled(loop& here, function_id id, int fd, Plain&& plain) {
  call_waits waits(here, id, fd, POLLOUT);
  while (ask_for_descriptor(fd, POLLOUT) == 0) {
    const long end = waits.wait();
    if (end == must_call_plainly || (end == -EAGAIN && is_nonblocking(fd))) break;
    if (end != 0) return ended<ssize_t>(end);
  }
  spend(here);
  return plain();
}

template <class Plain>
ssize_t write_parts(loop& here, function_id id, int fd, const iovec* parts, int count,
                    Plain&& plain) {
  const auto attempt = [fd](const iovec* from, std::size_t pieces) {
    return raw_syscall(SYS_pwritev2, fd, from, pieces, -1L, -1L, RWF_NOWAIT);
  };
  const auto pieces = static_cast<std::size_t>(count);
  const long first = call_when_ready(here, id, fd, POLLOUT, [&] { return attempt(parts, pieces); });
  if (WEFT_LIKELY(first > 0)) {
    if (WEFT_LIKELY(static_cast<std::size_t>(first) == bytes_of(parts, pieces))) return first;
    return write_rest(here, id, fd, parts, pieces, first, attempt);
  }
  if (first == -EOPNOTSUPP || first == -ENOSYS || first == -EINVAL || first == -ESPIPE) {
    return write_when_polled(here, id, fd, plain);
  }
  if (first != must_call_plainly) return ended<ssize_t>(first);
  // EAGAIN of a regular file: it needs room on the disk, or a page.
  if (!is_active(tier::files) || must_block(here)) return plain();
  return ended<ssize_t>(offload(here, id, [&]() -> long {
    const ssize_t written = plain();
    return written >= 0 ? written : -errno;
  }));
}

// A socket is told of a write of nothing: an empty message, or EPIPE.
ssize_t write_nothing(loop& here, int fd) noexcept {
  const long sent = call_when_ready(here, function_id::write, fd, POLLOUT, [fd] {
    return raw_syscall(SYS_sendto, fd, nullptr, 0, MSG_DONTWAIT, nullptr, 0);
  });
  return sent == -ENOTSOCK || sent == must_call_plainly ? real::write(fd, nullptr, 0)
                                                        : ended<ssize_t>(sent);
}

long send_message(loop& here, function_id id, int fd, const msghdr& message, int flags) noexcept {
  if ((flags & MSG_DONTWAIT) != 0) {
    spend(here);
    return raw_syscall(SYS_sendmsg, fd, &message, flags);
  }
  const long first = call_when_ready(here, id, fd, POLLOUT, [&] {
    return raw_syscall(SYS_sendmsg, fd, &message, flags | MSG_DONTWAIT);
  });
  if (first == must_call_plainly) return raw_syscall(SYS_sendmsg, fd, &message, flags);
  if (first <= 0 ||
      static_cast<std::size_t>(first) >= bytes_of(message.msg_iov, message.msg_iovlen)) {
    return first;
  }
  // The control message went with the first bytes.
  return write_rest(here, id, fd, message.msg_iov, message.msg_iovlen, first,
                    [&](const iovec* parts, std::size_t count) {
                      msghdr rest{};
                      rest.msg_iov = const_cast<iovec*>(parts);
                      rest.msg_iovlen = count;
                      return raw_syscall(SYS_sendmsg, fd, &rest, flags | MSG_DONTWAIT);
                    });
}

ssize_t send_to(loop& here, function_id id, int fd, const void* from, size_t bytes, int flags,
                const sockaddr* to, socklen_t to_bytes) noexcept {
  const auto attempt = [&](int with) {
    return raw_syscall(SYS_sendto, fd, from, bytes, with, to, to_bytes);
  };
  if ((flags & MSG_DONTWAIT) != 0) {
    spend(here);
    return ended<ssize_t>(attempt(flags));
  }
  const long first =
      call_when_ready(here, id, fd, POLLOUT, [&] { return attempt(flags | MSG_DONTWAIT); });
  if (first == must_call_plainly) return ended<ssize_t>(attempt(flags));
  if (WEFT_LIKELY(first < 0 || static_cast<std::size_t>(first) >= bytes)) {
    return ended<ssize_t>(first);
  }
  iovec whole{const_cast<void*>(from), bytes};
  return write_rest(here, id, fd, &whole, 1, first, [&](const iovec* parts, std::size_t) {
    return raw_syscall(SYS_sendto, fd, parts->iov_base, parts->iov_len, flags | MSG_DONTWAIT, to,
                       to_bytes);
  });
}

}  // namespace
}  // namespace hook
WEFT_NAMESPACE_END

using namespace weft::hook;

extern "C" {

WEFT_API ssize_t write(int fd, const void* from, size_t bytes) {
  loop* const here = fiber_loop(tier::net, function_id::write);
  if (here == nullptr) return real::write(fd, from, bytes);
  if (WEFT_UNLIKELY(bytes == 0)) return write_nothing(*here, fd);
  const iovec part{const_cast<void*>(from), bytes};
  return write_parts(*here, function_id::write, fd, &part, 1,
                     [&] { return real::write(fd, from, bytes); });
}

WEFT_API ssize_t writev(int fd, const iovec* parts, int count) {
  loop* const here = fiber_loop(tier::net, function_id::writev);
  if (here == nullptr || count <= 0) return real::writev(fd, parts, count);
  return write_parts(*here, function_id::writev, fd, parts, count,
                     [&] { return real::writev(fd, parts, count); });
}

WEFT_API ssize_t send(int fd, const void* from, size_t bytes, int flags) {
  loop* const here = fiber_loop(tier::net, function_id::send);
  if (here == nullptr) return real::send(fd, from, bytes, flags);
  return send_to(*here, function_id::send, fd, from, bytes, flags, nullptr, 0);
}

WEFT_API ssize_t sendto(int fd, const void* from, size_t bytes, int flags, const sockaddr* to,
                        socklen_t to_bytes) {
  loop* const here = fiber_loop(tier::net, function_id::sendto);
  if (here == nullptr) return real::sendto(fd, from, bytes, flags, to, to_bytes);
  return send_to(*here, function_id::sendto, fd, from, bytes, flags, to, to_bytes);
}

WEFT_API ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  loop* const here = fiber_loop(tier::net, function_id::sendmsg);
  if (here == nullptr || message == nullptr) return real::sendmsg(fd, message, flags);
  return ended<ssize_t>(send_message(*here, function_id::sendmsg, fd, *message, flags));
}

WEFT_API int sendmmsg(int fd, mmsghdr* messages, unsigned count, int flags) {
  loop* const here = fiber_loop(tier::net, function_id::sendmmsg);
  if (here == nullptr) return real::sendmmsg(fd, messages, count, flags);
  unsigned sent = 0;
  while (sent < count) {
    const long bytes =
        send_message(*here, function_id::sendmmsg, fd, messages[sent].msg_hdr, flags);
    if (bytes < 0) return sent != 0 ? static_cast<int>(sent) : ended<int>(bytes);
    messages[sent++].msg_len = static_cast<unsigned>(bytes);
  }
  return static_cast<int>(sent);
}

}  // extern "C"
