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
#include <optional>
#include <string_view>
#include <system_error>

#include "weft/detail/config.hpp"
#include "weft/detail/descriptor_wait.hpp"
#include "weft/detail/export.hpp"
#include "weft/io_slice.hpp"

WEFT_NAMESPACE_BEGIN
class file_descriptor;
namespace detail {
struct descriptor_slot;
struct standard_streams;
descriptor_key key_of(const file_descriptor& own) noexcept;  // see readiness.hpp
}  // namespace detail

class WEFT_API file_descriptor {
 public:
  file_descriptor() noexcept = default;

  // Takes over an open descriptor; it becomes non-blocking and close-on-exec. Not for one that
  // other processes share: see standard_streams.hpp, and wait_readable().
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

  // The same for several pieces of memory, filled or written one after the other. Some bytes may
  // end in the middle of a piece; of more than 1,024 pieces only so many take part in one call.
  std::size_t read_some(std::initializer_list<io_space> parts) {
    return read_some(parts.begin(), parts.size());
  }
  std::size_t read_some(const io_space* parts, std::size_t count);
  std::size_t read_some(const io_space* parts, std::size_t count, std::error_code& error);
  std::size_t write_some(std::initializer_list<io_slice> parts) {
    return write_some(parts.begin(), parts.size());
  }
  std::size_t write_some(const io_slice* parts, std::size_t count);
  std::size_t write_some(const io_slice* parts, std::size_t count, std::error_code& error);

  // Reads what is there now, or writes what there is room for; nothing if the call would have to
  // wait. 0 from a read: the stream has ended.
  // Parks: never.  Calls from: fiber, any thread.  Throws: as read_some() and write_some(), but
  // not cancelled. With an error_code that is EAGAIN: std::errc::operation_would_block.
  std::optional<std::size_t> try_read_some(void* to, std::size_t size);
  std::size_t try_read_some(void* to, std::size_t size, std::error_code& error);
  std::optional<std::size_t> try_write_some(const void* from, std::size_t size);
  std::size_t try_write_some(const void* from, std::size_t size, std::error_code& error);

  // Waits until the peer has closed its side, reset the connection, or will write no more, which
  // TCP cannot tell apart; of a pipe: until its other end is closed. What it wrote before may still
  // be there to read. Another fiber may read or write meanwhile: so a handler
  // learns while it works that nobody waits for its answer.
  // Parks: may.  Calls from: fiber, any thread (which then blocks).
  // Throws: std::system_error: EBADF, also if it is closed meanwhile; EEXIST if another fiber waits
  // for that already; EPERM for a file; cancelled.
  void wait_hangup();

  // Reads `size` bytes. `*done` counts them as they come, whatever ends the call.
  // Parks: may.  Calls from: fiber, any thread.
  // Throws: end_of_stream if the stream ends before; as read_some().
  void read_exactly(void* to, std::size_t size, std::size_t* done = nullptr);

  // The same into several pieces of memory. `*done` counts the bytes of all.
  void read_exactly(std::initializer_list<io_space> parts, std::size_t* done = nullptr) {
    read_exactly(parts.begin(), parts.size(), done);
  }
  void read_exactly(const io_space* parts, std::size_t count, std::size_t* done = nullptr);

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
  enum class kind : std::uint8_t {
    file,
    shared_file,  // not non-blocking, because that is others' as well: standard_streams.cpp
    tcp_socket,
    other_socket
  };

  // Takes over one that is non-blocking and close-on-exec already.
  file_descriptor(int fd, kind what) noexcept;

  // Calls call() until it says something else than "it would block" (-EAGAIN), with a wait before
  // each time that it is likely to. Its result, or -errno of the wait.
  template <class F>
  long call_when_ready(detail::direction way, F&& call);
  template <class F>
  long call_at_once(detail::direction way, F&& call);
  template <class F>
  long call_when_polled(detail::direction way, F&& call);  // of a shared file

  // A further descriptor of what this one is of.  Throws: std::system_error: EBADF, EMFILE.
  int another_number() const;

  std::uint32_t use_id() const noexcept { return id_; }

  [[noreturn]] void fail(long result, const char* what) const;

 private:
  friend struct detail::standard_streams;
  friend detail::descriptor_key detail::key_of(const file_descriptor& own) noexcept;

  bool is_socket() const noexcept { return kind_ >= kind::tcp_socket; }

  // The system call, which says -EAGAIN instead of waiting.
  long read_now(detail::descriptor_slot* slot, void* to, std::size_t size) const noexcept;
  long write_now(detail::descriptor_slot* slot, const void* from, std::size_t size) const noexcept;
  long try_read(void* to, std::size_t size);
  long try_write(const void* from, std::size_t size);
  long read_once(void* to, std::size_t size);
  long write_once(const void* from, std::size_t size);
  long read_parts_once(const io_space* parts, std::size_t count, std::size_t bytes);
  long write_parts_once(const io_slice* parts, std::size_t count, std::size_t bytes);
  long read_next_parts(const io_space* parts, std::size_t count);
  long write_next_parts(const io_slice* parts, std::size_t count);

  int fd_ = -1;
  std::uint32_t id_ = 0;  // of this use of the number
  kind kind_ = kind::file;
};

WEFT_NAMESPACE_END
