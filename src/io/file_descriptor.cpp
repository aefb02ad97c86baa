// SPDX-License-Identifier: BSL-1.0
// See weft/file_descriptor.hpp. Several pieces of memory at once: parts.cpp.
#include "weft/file_descriptor.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <climits>
#include <cstddef>
#include <string>
#include <utility>

#include "../base/syscalls.hpp"
#include "call_when_ready.hpp"
#include "quiet_write.hpp"
#include "weft/errors.hpp"

WEFT_NAMESPACE_BEGIN
namespace {

using detail::direction;
using detail::raw_syscall;
using detail::told;

}  // namespace

file_descriptor::file_descriptor(int fd) {
  const long flags = raw_syscall(SYS_fcntl, fd, F_GETFL, 0);
  if (flags < 0) {
    throw std::system_error(static_cast<int>(-flags), std::system_category(),
                            "weft: taking over descriptor " + std::to_string(fd));
  }
  raw_syscall(SYS_fcntl, fd, F_SETFL, flags | O_NONBLOCK);
  raw_syscall(SYS_fcntl, fd, F_SETFD, FD_CLOEXEC);
  int protocol = 0;
  socklen_t bytes = sizeof protocol;
  if (raw_syscall(SYS_getsockopt, fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &bytes) == 0) {
    kind_ = protocol == IPPROTO_TCP ? kind::tcp_socket : kind::other_socket;
  }
  fd_ = fd;
  id_ = detail::descriptor_table::next_id();
}

file_descriptor::file_descriptor(int fd, kind what) noexcept
    : fd_(fd), id_(detail::descriptor_table::next_id()), kind_(what) {}

file_descriptor::file_descriptor(file_descriptor&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), id_(std::exchange(other.id_, 0)), kind_(other.kind_) {}

file_descriptor& file_descriptor::operator=(file_descriptor&& other) noexcept {
  if (this != &other) {
    close();
    fd_ = std::exchange(other.fd_, -1);
    id_ = std::exchange(other.id_, 0);
    kind_ = other.kind_;
  }
  return *this;
}

int file_descriptor::release() noexcept {
  const int fd = std::exchange(fd_, -1);
  // What is shared is waited for by number.
  if (fd >= 0) detail::forget_descriptor(fd, kind_ == kind::shared_file ? 0 : id_);
  return fd;
}

void file_descriptor::close() noexcept {
  const int fd = release();
  if (fd >= 0) raw_syscall(SYS_close, fd);
}

int file_descriptor::another_number() const {
  const long result = raw_syscall(SYS_fcntl, fd_, F_DUPFD_CLOEXEC, 0);
  if (result < 0) fail(result, "making another number for");
  return static_cast<int>(result);
}

void file_descriptor::fail(long result, const char* what) const {
  std::string text = std::string("weft: ") + what;
  text += fd_ >= 0 ? " descriptor " + std::to_string(fd_) : " a descriptor that is closed";
  if (result == -EEXIST) text += ": another fiber waits for the same";
  throw std::system_error(static_cast<int>(-result), std::system_category(), text);
}

long file_descriptor::read_now(detail::descriptor_slot* slot, void* to,
                               std::size_t size) const noexcept {
  const long result = is_socket()
                          ? raw_syscall(SYS_recvfrom, fd_, to, size, MSG_DONTWAIT, nullptr, nullptr)
                          : raw_syscall(SYS_read, fd_, to, size);
  if (kind_ == kind::tcp_socket && result > 0 && static_cast<std::size_t>(result) < size) {
    detail::note_short(slot, direction::read);
  }
  return result;
}

long file_descriptor::write_now(detail::descriptor_slot* slot, const void* from,
                                std::size_t size) const noexcept {
  if (kind_ == kind::shared_file) size = std::min<std::size_t>(size, PIPE_BUF);
  const long result = is_socket() ? raw_syscall(SYS_sendto, fd_, from, size,
                                                MSG_DONTWAIT | MSG_NOSIGNAL, nullptr, 0)
                                  : detail::quiet_write(fd_, from, size);
  if (kind_ == kind::tcp_socket && result > 0 && static_cast<std::size_t>(result) < size) {
    detail::note_short(slot, direction::write);
  }
  return result;
}

long file_descriptor::read_once(void* to, std::size_t size) {
  if (size == 0) return fd_ >= 0 ? 0 : -EBADF;
  if (WEFT_UNLIKELY(kind_ == kind::shared_file)) {
    return call_when_polled(direction::read, [=] { return read_now(nullptr, to, size); });
  }
  return call_when_ready(direction::read,
                         [=](detail::descriptor_slot* slot) { return read_now(slot, to, size); });
}

long file_descriptor::write_once(const void* from, std::size_t size) {
  if (size == 0) return fd_ >= 0 ? 0 : -EBADF;
  if (WEFT_UNLIKELY(kind_ == kind::shared_file)) {
    return call_when_polled(direction::write, [=] { return write_now(nullptr, from, size); });
  }
  return call_when_ready(
      direction::write, [=](detail::descriptor_slot* slot) { return write_now(slot, from, size); });
}

long file_descriptor::try_read(void* to, std::size_t size) {
  if (size == 0) return fd_ >= 0 ? 0 : -EBADF;
  return call_at_once(direction::read,
                      [=](detail::descriptor_slot* slot) { return read_now(slot, to, size); });
}

long file_descriptor::try_write(const void* from, std::size_t size) {
  if (size == 0) return fd_ >= 0 ? 0 : -EBADF;
  return call_at_once(direction::write,
                      [=](detail::descriptor_slot* slot) { return write_now(slot, from, size); });
}

std::size_t file_descriptor::read_some(void* to, std::size_t size) {
  const long result = read_once(to, size);
  if (WEFT_UNLIKELY(result < 0)) fail(result, "reading from");
  return static_cast<std::size_t>(result);
}

std::size_t file_descriptor::read_some(void* to, std::size_t size, std::error_code& error) {
  return told(read_once(to, size), error);
}

std::size_t file_descriptor::write_some(const void* from, std::size_t size) {
  const long result = write_once(from, size);
  if (WEFT_UNLIKELY(result < 0)) fail(result, "writing to");
  return static_cast<std::size_t>(result);
}

std::size_t file_descriptor::write_some(const void* from, std::size_t size,
                                        std::error_code& error) {
  return told(write_once(from, size), error);
}

std::optional<std::size_t> file_descriptor::try_read_some(void* to, std::size_t size) {
  const long result = try_read(to, size);
  if (result == -EAGAIN) return std::nullopt;
  if (WEFT_UNLIKELY(result < 0)) fail(result, "reading from");
  return static_cast<std::size_t>(result);
}

std::size_t file_descriptor::try_read_some(void* to, std::size_t size, std::error_code& error) {
  return told(try_read(to, size), error);
}

std::optional<std::size_t> file_descriptor::try_write_some(const void* from, std::size_t size) {
  const long result = try_write(from, size);
  if (result == -EAGAIN) return std::nullopt;
  if (WEFT_UNLIKELY(result < 0)) fail(result, "writing to");
  return static_cast<std::size_t>(result);
}

std::size_t file_descriptor::try_write_some(const void* from, std::size_t size,
                                            std::error_code& error) {
  return told(try_write(from, size), error);
}

void file_descriptor::wait_hangup() {
  detail::loop_core* const here = detail::fibers_loop();
  int happened = -EBADF;
  if (fd_ >= 0 && here != nullptr && kind_ != kind::shared_file) {
    happened = detail::wait_for_hangup(detail::whole(*here), fd_, id_);
  } else if (fd_ >= 0) {
    happened = detail::wait_for_descriptor(fd_, POLLRDHUP, time_point::max());
  }
  if (happened < 0) fail(happened, "waiting for the end of the peer of");
}

void file_descriptor::read_exactly(void* to, std::size_t size, std::size_t* done) {
  std::size_t unused = 0;
  std::size_t& came = done != nullptr ? *done : unused;
  for (came = 0; came < size;) {
    const std::size_t more = read_some(static_cast<char*>(to) + came, size - came);
    if (more == 0) throw end_of_stream(came, size);
    came += more;
  }
}

void file_descriptor::write_all(const void* from, std::size_t size, std::size_t* done) {
  std::size_t unused = 0;
  std::size_t& gone = done != nullptr ? *done : unused;
  for (gone = 0; gone < size;) {
    gone += write_some(static_cast<const char*>(from) + gone, size - gone);
  }
}

WEFT_NAMESPACE_END
