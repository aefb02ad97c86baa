// SPDX-License-Identifier: BSL-1.0
// Buffers around a stream: lines and messages out of bytes that come in any pieces, and few large
// writes out of many small ones. Layer: io. asyncio's StreamReader and StreamWriter. If you read
// and write large blocks only, you need neither: use the stream itself.
// A stream is any type S with
//   std::size_t read_some(void* to, std::size_t size)         waits for bytes; 0: there are no more
//   std::size_t write_some(const void* from, std::size_t size)       writes at least one byte
// which may park, and throw std::system_error or cancelled.
#pragma once

#include <cstddef>
#include <cstring>
#include <exception>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "weft/detail/byte_queue.hpp"
#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"
#include "weft/errors.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

WEFT_API std::size_t find_delimiter(std::string_view bytes, std::string_view delimiter,
                                    std::size_t from);
[[noreturn]] WEFT_API void misuse_of_delimiter();
[[noreturn]] WEFT_API void misuse_of_consume(std::size_t bytes, std::size_t buffered);
[[noreturn]] WEFT_API void misuse_of_stream(const char* what, std::size_t returned,
                                            std::size_t bytes);
[[noreturn]] WEFT_API void throw_end_of_stream(std::size_t bytes);
[[noreturn]] WEFT_API void throw_end_of_stream(std::size_t bytes, std::size_t wanted);
[[noreturn]] WEFT_API void throw_no_delimiter(std::size_t longest);
[[noreturn]] WEFT_API void throw_more_than(std::size_t most);
[[noreturn]] WEFT_API void throw_still_unsent(std::size_t bytes, std::size_t capacity);
WEFT_API void report_unsent(std::size_t bytes, int uncaught_before) noexcept;

template <class S, class = void>
struct has_read_some : std::false_type {};
template <class S>
struct has_read_some<S, std::void_t<decltype(std::declval<S&>().read_some(
                            std::declval<void*>(), std::declval<std::size_t>()))>>
    : std::is_same<decltype(std::declval<S&>().read_some(std::declval<void*>(),
                                                         std::declval<std::size_t>())),
                   std::size_t> {};

template <class S, class = void>
struct has_write_some : std::false_type {};
template <class S>
struct has_write_some<S, std::void_t<decltype(std::declval<S&>().write_some(
                             std::declval<const void*>(), std::declval<std::size_t>()))>>
    : std::is_same<decltype(std::declval<S&>().write_some(std::declval<const void*>(),
                                                          std::declval<std::size_t>())),
                   std::size_t> {};

}  // namespace detail

// Reads lines, messages and blocks out of a stream. A call that throws, for a cancel, a timeout, an
// error of the stream, its end or a limit, takes nothing: all that came is buffered, and the next
// call gets it. Once the stream said that it ended, it is not asked again.
// Where a call says `longest`, that many bytes may stand before the delimiter.
// Calls from: whatever the stream's read_some may be called from; one fiber at a time, or the call
// throws std::logic_error.
// Lifetime: the stream must outlive it. Views live until the next call.
template <class S>
class buffered_reader {
  static_assert(detail::has_read_some<S>::value,
                "weft::buffered_reader<S>: S needs `std::size_t read_some(void* to, std::size_t "
                "size)`, which returns 0 at the end of the stream");

 public:
  // Takes no memory before the first read.  Throws: std::logic_error if `capacity` is 0.
  explicit buffered_reader(S& from, std::size_t capacity = 16 * 1024)
      : from_(from), bytes_(capacity, "buffered_reader") {}
  buffered_reader(const buffered_reader&) = delete;
  buffered_reader& operator=(const buffered_reader&) = delete;

  // Reads what there is, at least one byte, at most `size`; 0 at the end. Buffered bytes come
  // first; if there are none, a large read goes past the buffer.
  // Parks: may.  Throws: what the stream throws.
  [[nodiscard]] std::size_t read_some(void* to, std::size_t size) {
    if (size == 0) return 0;
    if (bytes_.size() == 0) {
      if (size >= bytes_.capacity()) return pull(to, size);
      if (!fill(1)) return 0;
    }
    const std::size_t some = size < bytes_.size() ? size : bytes_.size();
    take(to, some);
    return some;
  }

  // Reads `size` bytes. After an error `to` holds nothing of use.
  // Parks: may.  Throws: end_of_stream if fewer are left; what the stream throws; std::bad_alloc.
  void read_exactly(void* to, std::size_t size) {
    if (size > bytes_.capacity() && size > bytes_.size()) {
      read_past_buffer(static_cast<char*>(to), size);
      return;
    }
    while (bytes_.size() < size) {
      if (!fill(size)) detail::throw_end_of_stream(bytes_.size(), size);
    }
    take(to, size);
  }

  // Reads a line and returns it without its "\n" or "\r\n"; empty at the end of the stream. A last
  // line needs no "\n": see last_line_was_whole(). The '\r' counts for `longest`.
  // Parks: may.  Throws: limit_exceeded; what the stream throws; std::bad_alloc.
  [[nodiscard]] std::optional<std::string> read_line(std::size_t longest = 64 * 1024) {
    const line found = find_line(longest);
    if (found.bytes == 0) return std::nullopt;
    std::optional<std::string> text(std::in_place, found.text);  // it may throw: copied first
    bytes_.drop(found.bytes);
    return text;
  }

  // The same without a copy: a view into the buffer.
  [[nodiscard]] std::optional<std::string_view> next_line(std::size_t longest = 64 * 1024) {
    const line found = find_line(longest);
    if (found.bytes == 0) return std::nullopt;
    bytes_.drop(found.bytes);
    return found.text;
  }

  // False if the last line that was returned had no "\n": the stream ended in it, and what a peer
  // that went down was still to say is missing.  Parks: never.
  [[nodiscard]] bool last_line_was_whole() const noexcept { return line_was_whole_; }

  // Reads up to the first delimiter and returns that, with the delimiter.
  // Parks: may.  Throws: end_of_stream if it ends first; limit_exceeded; std::logic_error if the
  // delimiter is empty; what the stream throws; std::bad_alloc.
  [[nodiscard]] std::string read_until(std::string_view delimiter,
                                       std::size_t longest = 64 * 1024) {
    std::string text(peek_until(delimiter, longest));
    bytes_.drop(text.size());
    return text;
  }

  // The same, but takes nothing: a view into the buffer, for consume(view.size()).
  [[nodiscard]] std::string_view peek_until(std::string_view delimiter,
                                            std::size_t longest = 64 * 1024) {
    if (delimiter.empty()) detail::misuse_of_delimiter();
    const std::size_t at = find(delimiter, longest);
    if (at == std::string_view::npos) detail::throw_end_of_stream(bytes_.size());
    return bytes_.view().substr(0, at + delimiter.size());
  }

  // Reads all that is left.
  // Parks: may.  Throws: limit_exceeded if that is more than `most` bytes; what the stream throws;
  // std::bad_alloc.
  [[nodiscard]] std::string read_all(std::size_t most) {
    do {
      if (bytes_.size() > most) detail::throw_more_than(most);
    } while (fill(sum(most, 1)));
    std::string text(bytes_.view());
    bytes_.drop(text.size());
    return text;
  }

  // Waits until something is buffered and returns a view of it all; empty at the end. Takes
  // nothing. Parks: may.  Throws: what the stream throws; std::bad_alloc.
  [[nodiscard]] std::string_view peek() {
    if (bytes_.size() == 0) fill(1);
    return bytes_.view();
  }

  // Takes bytes that were peeked at.  Parks: never.
  // Throws: std::logic_error if fewer are buffered.
  void consume(std::size_t bytes) {
    if (WEFT_UNLIKELY(bytes > bytes_.size())) detail::misuse_of_consume(bytes, bytes_.size());
    bytes_.drop(bytes);
  }

  // Bytes that came and were not taken.  Parks: never.
  [[nodiscard]] std::size_t buffered() const noexcept { return bytes_.size(); }

  // True if the stream said that it ended and nothing is buffered.  Parks: never.
  [[nodiscard]] bool at_end() const noexcept { return has_ended_ && bytes_.size() == 0; }

 private:
  struct line {
    std::string_view text;
    std::size_t bytes;  // with its end; 0: no line is left
  };

  line find_line(std::size_t longest) {
    const std::size_t at = find("\n", longest);
    const std::string_view all = bytes_.view();
    if (at == std::string_view::npos) {
      if (!all.empty()) line_was_whole_ = false;
      return {all, all.size()};
    }
    line_was_whole_ = true;
    const bool has_return = at > 0 && all[at - 1] == '\r';
    return {all.substr(0, has_return ? at - 1 : at), at + 1};
  }

  // Where the delimiter begins; npos if the stream ends first. What was searched before a refill
  // is not searched again, but for what may be the beginning of a delimiter.
  std::size_t find(std::string_view delimiter, std::size_t longest) {
    const std::size_t bound = sum(longest, delimiter.size());
    std::size_t searched = 0;
    for (;;) {
      const std::string_view within = bytes_.view().substr(0, bound);
      const std::size_t at = detail::find_delimiter(within, delimiter, searched);
      if (WEFT_LIKELY(at != std::string_view::npos)) return at;
      if (within.size() == bound) detail::throw_no_delimiter(longest);
      const std::size_t kept = delimiter.size() - 1;
      searched = within.size() < kept ? 0 : within.size() - kept;
      if (!fill(bound)) return std::string_view::npos;
    }
  }

  // Into the memory of the caller, without a copy. The bytes wait there if the call parks, so an
  // error has to bring them back.
  void read_past_buffer(char* to, std::size_t size) {
    const std::size_t buffered_before = bytes_.size();
    std::size_t got = buffered_before;
    if (got != 0) std::memcpy(to, bytes_.view().data(), got);
    try {
      while (got < size) {
        const std::size_t some = pull(to + got, size - got);
        if (some == 0) detail::throw_end_of_stream(got, size);
        got += some;
      }
    } catch (...) {
      bytes_.append(to + buffered_before, got - buffered_before);
      throw;
    }
    bytes_.drop(buffered_before);
  }

  void take(void* to, std::size_t size) {
    if (size == 0) return;
    const char* const from = bytes_.view().data();
    bytes_.drop(size);  // first: it refuses a second fiber. The bytes stay where they are
    std::memcpy(to, from, size);
  }

  // One read into the buffer, which grows to `bound` at most; false at the end of the stream.
  bool fill(std::size_t bound) {
    if (has_ended_) return false;
    const detail::byte_queue::space room = bytes_.make_room(bound);
    const std::size_t some = pull(room.at, room.bytes);
    bytes_.added(some);
    return some != 0;
  }

  // The only call of the stream.
  std::size_t pull(void* to, std::size_t size) {
    if (has_ended_) return 0;
    const detail::byte_queue::lending lent(bytes_);
    const std::size_t some = from_.read_some(to, size);
    if (WEFT_UNLIKELY(some > size)) detail::misuse_of_stream("read_some()", some, size);
    if (some == 0) has_ended_ = true;
    return some;
  }

  static std::size_t sum(std::size_t a, std::size_t b) noexcept {
    return a > std::numeric_limits<std::size_t>::max() - b ? std::numeric_limits<std::size_t>::max()
                                                           : a + b;
  }

  S& from_;
  detail::byte_queue bytes_;
  bool has_ended_ = false;
  bool line_was_whole_ = true;
};

// Collects small writes and sends them as large ones. The capacity is the high-water mark: a write
// that does not fit waits for the peer, so a slow one costs no more memory than that. A write that
// throws, for a cancel, a timeout or an error of the stream, has yet taken all of its bytes: what
// could not be sent is buffered, beyond the capacity if need be, and the next flush() goes on with
// it in order. So don't repeat the write; flush(), or discard(). While more than the capacity is
// left by such a write, further ones are refused.
// Calls from: whatever the stream's write_some may be called from; one fiber at a time, or the call
// throws std::logic_error.
// Lifetime: the stream must outlive it. The destructor sends nothing, because it could not say
// that it failed: it reports bytes that are unsent, unless it runs because of an exception.
template <class S>
class buffered_writer {
  static_assert(detail::has_write_some<S>::value,
                "weft::buffered_writer<S>: S needs `std::size_t write_some(const void* from, "
                "std::size_t size)`, which writes at least one byte");

 public:
  // Takes no memory before the first write.  Throws: std::logic_error if `capacity` is 0.
  explicit buffered_writer(S& to, std::size_t capacity = 16 * 1024)
      : to_(to),
        bytes_(capacity, "buffered_writer"),
        uncaught_before_(std::uncaught_exceptions()) {}
  ~buffered_writer() { detail::report_unsent(bytes_.size(), uncaught_before_); }
  buffered_writer(const buffered_writer&) = delete;
  buffered_writer& operator=(const buffered_writer&) = delete;

  // Writes bytes, in order, into the buffer; sends when it is full. What is larger than the buffer
  // goes past it.
  // Parks: may (only when the bytes do not fit).  Throws: what the stream throws; std::bad_alloc;
  // limit_exceeded, and then it has taken nothing: a write that failed left more than the capacity.
  void write(const void* from, std::size_t size) {
    if (WEFT_LIKELY(size <= bytes_.room())) {
      bytes_.append(from, size);
    } else {
      write_what_does_not_fit(static_cast<const char*>(from), size);
    }
  }
  void write(std::string_view text) { write(text.data(), text.size()); }

  // Writes the bytes into the buffer if they fit there, all or none: for who would rather drop
  // them, or the peer, than wait for one that does not read. Parks: never.  Throws: std::bad_alloc.
  [[nodiscard]] bool try_write(const void* from, std::size_t size) {
    if (size > bytes_.room()) return false;
    bytes_.append(from, size);
    return true;
  }
  [[nodiscard]] bool try_write(std::string_view text) {
    return try_write(text.data(), text.size());
  }

  // Writes one byte.
  void put(char byte) { write(&byte, 1); }

  // Sends all that is buffered: asyncio's drain(), but down to nothing. Nothing buffered: nothing
  // is done.  Parks: may.  Throws: what the stream throws.
  void flush() {
    while (bytes_.size() != 0) {
      const std::string_view unsent = bytes_.view();
      bytes_.drop(push(unsent.data(), unsent.size()));
    }
  }

  // Gives up what is unsent and returns how many bytes that was.  Parks: never.
  std::size_t discard() {
    const std::size_t unsent = bytes_.size();
    bytes_.drop(unsent);
    return unsent;
  }

  // Bytes that were written and not sent.  Parks: never.
  [[nodiscard]] std::size_t buffered() const noexcept { return bytes_.size(); }

 private:
  // Full buffers, then what is still larger than one, then the rest into the buffer again.
  void write_what_does_not_fit(const char* from, std::size_t size) {
    // Else a caller that takes each timeout for the last one would buffer all that it ever says.
    if (bytes_.size() > bytes_.capacity()) {
      detail::throw_still_unsent(bytes_.size(), bytes_.capacity());
    }
    try {
      while (size > bytes_.room()) {
        const bool is_empty = bytes_.size() == 0;
        const std::size_t some = is_empty ? push(from, size) : bytes_.room();
        if (!is_empty) bytes_.append(from, some);
        from += some;
        size -= some;
        flush();
      }
    } catch (...) {
      bytes_.append(from, size);
      throw;
    }
    bytes_.append(from, size);
  }

  // The only call of the stream.
  std::size_t push(const void* from, std::size_t size) {
    const detail::byte_queue::lending lent(bytes_);
    const std::size_t some = to_.write_some(from, size);
    if (WEFT_UNLIKELY(some == 0 || some > size))
      detail::misuse_of_stream("write_some()", some, size);
    return some;
  }

  S& to_;
  detail::byte_queue bytes_;
  int uncaught_before_;
};

WEFT_NAMESPACE_END
