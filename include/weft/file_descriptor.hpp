// SPDX-License-Identifier: BSL-1.0
// An open descriptor: what sockets and pipes have in common. Layer: io. Reads and writes look like
// blocking ones: only the fiber waits.
//
// A call that does not have to wait lets nobody else run, but for one in 128: see weft::yield().
//
// One fiber may read while another writes. Two that read at once: the second one that has to wait
// gets EEXIST. One object belongs to one thread at a time, as any object without a lock does; it
// may be moved to another loop while nobody waits for it. Deadlines come through scopes:
// with_timeout(). A cancel never loses bytes: what was transferred stands in `*done` (read_exactly,
// write_all), and read_some() and write_some() transfer something or throw, never both.
//
// read_some() and write_some() have twins with an std::error_code, which is set instead of throwing
// std::system_error. All may throw `cancelled`; in a task whose waits set errno, that is ECANCELED.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <system_error>

#include "weft/detail/config.hpp"
#include "weft/detail/descriptor_wait.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
class file_descriptor;
namespace detail {
descriptor_key key_of(const file_descriptor& own) noexcept;  // see readiness.hpp
}

// A piece of memory to write from, for several in one call. Laid out as iovec.
struct io_slice {
  io_slice() noexcept = default;
  io_slice(const void* from, std::size_t bytes) noexcept : data(from), size(bytes) {}
  io_slice(std::string_view text) noexcept : data(text.data()), size(text.size()) {}    // implicit
  io_slice(const std::string& text) noexcept : data(text.data()), size(text.size()) {}  // implicit
  io_slice(const char* text) noexcept : io_slice(std::string_view(text)) {}             // implicit

  const void* data = nullptr;
  std::size_t size = 0;
};

class WEFT_API file_descriptor {
 public:
  file_descriptor() noexcept = default;

  // Takes over an open descriptor; it becomes non-blocking and close-on-exec. Not for one that
  // other processes share (an inherited terminal): wait_readable() leaves those as they are.
  // Parks: never.  Calls from: fiber, any thread.  Throws: std::system_error: EBADF.
  explicit file_descriptor(int fd);

  file_descriptor(file_descriptor&& other) noexcept;
  file_descriptor& operator=(file_descriptor&& other) noexcept;
  ~file_descriptor() { close(); }

  bool is_open() const noexcept { return fd_ >= 0; }
  explicit operator bool() const noexcept { return is_open(); }
  int native_handle() const noexcept { return fd_; }  // -1: not open

  // Gives the descriptor up without closing it. Who waits for it gets EBADF.
  // Parks: never.  Calls from: the thread on which fibers wait for it; any, if none does.
  int release() noexcept;

  // Closes it; fibers that wait for it get EBADF. Closing again changes nothing. What the system
  // says of the close is lost: see shutdown_write() for who must know that all has arrived.
  // Parks: never.  Calls from: as release().
  void close() noexcept;

  // Reads what is there, waiting until there is something; 0 at the end of the stream.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::system_error: ECONNRESET, EBADF if it is not open or closed meanwhile, EEXIST.
  std::size_t read_some(void* to, std::size_t size);
  std::size_t read_some(void* to, std::size_t size, std::error_code& error);

  // Writes as much as there is room for, waiting until there is some; at least one byte unless
  // `size` is 0. Never raises SIGPIPE.
  // Parks: may.  Calls from: fiber, any thread.
  // Throws: std::system_error: EPIPE, ECONNRESET, and as above.
  std::size_t write_some(const void* from, std::size_t size);
  std::size_t write_some(const void* from, std::size_t size, std::error_code& error);

  // Reads `size` bytes. `*done` counts them as they come, whatever ends the call.
  // Parks: may.  Calls from: fiber, any thread.
  // Throws: end_of_stream if the stream ends before; as read_some().
  void read_exactly(void* to, std::size_t size, std::size_t* done = nullptr);

  // Writes all. `*done` counts bytes as they go, whatever ends the call.
  // Parks: may.  Calls from: fiber, any thread.  Throws: as write_some().
  void write_all(const void* from, std::size_t size, std::size_t* done = nullptr);
  void write_all(std::string_view text, std::size_t* done = nullptr) {
    write_all(text.data(), text.size(), done);
  }

  // The same for several pieces of memory, in few system calls.
  void write_all(std::initializer_list<io_slice> parts, std::size_t* done = nullptr) {
    write_all(parts.begin(), parts.size(), done);
  }
  void write_all(const io_slice* parts, std::size_t count, std::size_t* done = nullptr);

 protected:
  // Only of TCP is a short read proof that nothing more is there: a Unix socket's stops at
  // descriptors that are passed, too.
  enum class kind : std::uint8_t { file, tcp_socket, other_socket };

  // Takes over one that is non-blocking and close-on-exec already.
  file_descriptor(int fd, kind what) noexcept;

  // Calls call() until it says something else than "it would block" (-EAGAIN), with a wait before
  // each time that it is likely to. Its result, or -errno of the wait.
  template <class F>
  long call_when_ready(detail::direction way, F&& call);

  [[noreturn]] void fail(long result, const char* what) const;

 private:
  friend detail::descriptor_key detail::key_of(const file_descriptor& own) noexcept;

  long read_once(void* to, std::size_t size);
  long write_once(const void* from, std::size_t size);
  long write_slices_once(const io_slice* parts, std::size_t count);

  int fd_ = -1;
  std::uint32_t id_ = 0;  // of this use of the number
  kind kind_ = kind::file;
};

WEFT_NAMESPACE_END
