// SPDX-License-Identifier: BSL-1.0
// What stream sockets have in common: both ends' addresses, half-close, buffers. Layer: io. The
// kinds are in tcp.hpp and local_socket.hpp.
#pragma once

#include <cstddef>
#include <memory>
#include <system_error>

#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/endpoint.hpp"
#include "weft/file_descriptor.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {
class shared_watch;
}

// A connection. How it is read and written: file_descriptor.
class WEFT_API stream_socket : public file_descriptor {
 public:
  stream_socket() noexcept = default;

  // Takes over a connected stream socket.  Throws: std::system_error: EBADF, ENOTSOCK; EPROTOTYPE
  // if it is no stream.
  explicit stream_socket(int fd);

  // Says that nothing more will be written: the peer reads the end of the stream once it has read
  // all. Reading goes on.  Parks: never.  Calls from: fiber, any thread.  Throws:
  // std::system_error: ENOTCONN, EBADF.
  void shutdown_write();

  // Says that nothing more will be read; who waits to read gets the end of the stream.
  // Parks: never.  Calls from: fiber, any thread.  Throws: as shutdown_write().
  void shutdown_read();

  // Tell the addresses of this end and of the other.
  // Parks: never.  Calls from: any thread.  Throws: std::system_error: ENOTCONN, EBADF.
  endpoint local_endpoint() const;
  endpoint remote_endpoint() const;

  // Set what the kernel keeps of bytes on their way; it doubles the figure for its own use.
  // Parks: never.  Calls from: any thread.  Throws: std::system_error: EBADF.  Source: socket(7).
  void set_send_buffer(std::size_t bytes);
  void set_receive_buffer(std::size_t bytes);

 protected:
  struct connected {};  // by connect() or accept4(): non-blocking and close-on-exec already
  stream_socket(connected, int fd, kind what) noexcept : file_descriptor(fd, what) {}

  friend class stream_listener;
};

// A socket that takes connections in. Its kinds: tcp_listener, unix_listener.
class WEFT_API stream_listener : public file_descriptor {
 public:
  stream_listener() noexcept = default;

  // Tells the address, with the port that a bind to port 0 was given.
  // Parks: never.  Calls from: any thread.  Throws: std::system_error: EBADF.
  endpoint local_endpoint() const;

  // True for an accept()'s error that is over once descriptors or memory come back: EMFILE, ENFILE,
  // ENOBUFS, ENOMEM, ENOSPC (of epoll's watches). The connection is still there: ask again later, not at once.
  static bool is_shortage(const std::error_code& error) noexcept;

 protected:
  explicit stream_listener(int fd) noexcept : file_descriptor(fd, kind::other_socket) {}

  // The other listener's socket under a number of its own.
  struct shared {};
  stream_listener(shared, stream_listener& with);

  // The next connection's descriptor, or -errno. A connection that ended before it was taken in is
  // passed over.
  long accept_once(endpoint* peer);

 private:
  template <class F>
  long accept_as_one_of_several(F&& take);

  std::shared_ptr<detail::shared_watch> watch_;  // nullptr: it is not shared
  using file_descriptor::read_exactly;
  using file_descriptor::read_some;
  using file_descriptor::write_all;
  using file_descriptor::write_some;
};

WEFT_NAMESPACE_END
