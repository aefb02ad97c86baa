// SPDX-License-Identifier: BSL-1.0
// Reading into and writing from several pieces of memory in one system call.
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstddef>

#include "../base/syscalls.hpp"
#include "call_when_ready.hpp"
#include "parts_cursor.hpp"
#include "quiet_write.hpp"
#include "weft/errors.hpp"
#include "weft/file_descriptor.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

using detail::direction;
using detail::parts_cursor;
using detail::raw_syscall;

template <class Part>
constexpr bool is_iovec = sizeof(Part) == sizeof(iovec) &&
                          offsetof(Part, data) == offsetof(iovec, iov_base) &&
                          offsetof(Part, size) == offsetof(iovec, iov_len);
static_assert(is_iovec<io_slice> && is_iovec<io_space>);

template <class Part>
msghdr message_of(const Part* parts, std::size_t count) noexcept {
  msghdr message{};
  message.msg_iov = reinterpret_cast<iovec*>(const_cast<Part*>(parts));
  message.msg_iovlen = count;
  return message;
}

}  // namespace

long file_descriptor::read_parts_once(const io_space* parts, std::size_t count, std::size_t bytes) {
  if (kind_ == kind::shared_file) return read_once(parts->data, parts->size);  // it is not empty
  const int fd = fd_;
  const kind what = kind_;
  return call_when_ready(direction::read, [=](detail::descriptor_slot* slot) {
    if (what == kind::file) return raw_syscall(SYS_readv, fd, parts, count);
    msghdr message = message_of(parts, count);
    const long result = raw_syscall(SYS_recvmsg, fd, &message, MSG_DONTWAIT);
    if (what == kind::tcp_socket && result > 0 && static_cast<std::size_t>(result) < bytes) {
      detail::note_short(slot, direction::read);
    }
    return result;
  });
}

long file_descriptor::write_parts_once(const io_slice* parts, std::size_t count,
                                       std::size_t bytes) {
  if (kind_ == kind::shared_file) return write_once(parts->data, parts->size);
  const int fd = fd_;
  const kind what = kind_;
  return call_when_ready(direction::write, [=](detail::descriptor_slot* slot) {
    if (what == kind::file) return detail::quiet_write(fd, parts, count);
    msghdr message = message_of(parts, count);
    const long result = raw_syscall(SYS_sendmsg, fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (what == kind::tcp_socket && result > 0 && static_cast<std::size_t>(result) < bytes) {
      detail::note_short(slot, direction::write);
    }
    return result;
  });
}

long file_descriptor::read_next_parts(const io_space* parts, std::size_t count) {
  parts_cursor<io_space> cursor(parts, count);
  const auto next = cursor.next();
  if (next.count == 0) return fd_ >= 0 ? 0 : -EBADF;
  return read_parts_once(next.parts, next.count, next.bytes);
}

long file_descriptor::write_next_parts(const io_slice* parts, std::size_t count) {
  parts_cursor<io_slice> cursor(parts, count);
  const auto next = cursor.next();
  if (next.count == 0) return fd_ >= 0 ? 0 : -EBADF;
  return write_parts_once(next.parts, next.count, next.bytes);
}

std::size_t file_descriptor::read_some(const io_space* parts, std::size_t count) {
  const long result = read_next_parts(parts, count);
  if (WEFT_UNLIKELY(result < 0)) fail(result, "reading from");
  return static_cast<std::size_t>(result);
}

std::size_t file_descriptor::read_some(const io_space* parts, std::size_t count,
                                       std::error_code& error) {
  return detail::told(read_next_parts(parts, count), error);
}

std::size_t file_descriptor::write_some(const io_slice* parts, std::size_t count) {
  const long result = write_next_parts(parts, count);
  if (WEFT_UNLIKELY(result < 0)) fail(result, "writing to");
  return static_cast<std::size_t>(result);
}

std::size_t file_descriptor::write_some(const io_slice* parts, std::size_t count,
                                        std::error_code& error) {
  return detail::told(write_next_parts(parts, count), error);
}

void file_descriptor::read_exactly(const io_space* parts, std::size_t count, std::size_t* done) {
  std::size_t unused = 0;
  std::size_t& came = done != nullptr ? *done : unused;
  came = 0;
  parts_cursor<io_space> cursor(parts, count);
  for (auto next = cursor.next(); next.count != 0; next = cursor.next()) {
    const long result = read_parts_once(next.parts, next.count, next.bytes);
    if (WEFT_UNLIKELY(result < 0)) fail(result, "reading from");
    if (result == 0) {
      std::size_t wanted = 0;
      for (std::size_t i = 0; i < count; ++i) wanted += parts[i].size;
      throw end_of_stream(came, wanted);
    }
    came += static_cast<std::size_t>(result);
    cursor.advance(static_cast<std::size_t>(result));
  }
}

void file_descriptor::write_all(const io_slice* parts, std::size_t count, std::size_t* done) {
  std::size_t unused = 0;
  std::size_t& gone = done != nullptr ? *done : unused;
  gone = 0;
  parts_cursor<io_slice> cursor(parts, count);
  for (auto next = cursor.next(); next.count != 0; next = cursor.next()) {
    const long result = write_parts_once(next.parts, next.count, next.bytes);
    if (WEFT_UNLIKELY(result < 0)) fail(result, "writing to");
    gone += static_cast<std::size_t>(result);
    cursor.advance(static_cast<std::size_t>(result));
  }
}

WEFT_NAMESPACE_END
