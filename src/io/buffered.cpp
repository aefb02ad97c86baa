// SPDX-License-Identifier: BSL-1.0
// What buffered readers and writers do that does not depend on the stream's type: keep the bytes,
// and say what went wrong. See byte_queue.hpp and buffered.hpp.
#include "weft/buffered.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <limits>
#include <string>

#include "weft/detail/check.hpp"
#include "weft/errors.hpp"
#include "weft/report.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

byte_queue::byte_queue(std::size_t capacity, const char* owner) : capacity_(capacity) {
  if (capacity == 0) {
    misuse(std::string("a ") + owner + " was made with a capacity of 0; it needs at least 1 byte");
  }
}

byte_queue::~byte_queue() {
  WEFT_ASSERT(!is_lent_ && "nobody waits in the buffered_reader or buffered_writer any more");
}

void byte_queue::append(const void* from, std::size_t bytes) {
  if (bytes == 0) return;
  require_not_lent();
  if (size() == 0) start_anew();
  if (held_ - end_ < bytes) {
    if (held_ - size() >= bytes) {
      move_to_front();
    } else {
      // At least doubled: many small ones beyond the capacity cost no more than one large one.
      move_to_larger(std::max({capacity_, size() + bytes, 2 * size()}));
    }
  }
  std::memcpy(memory_.get() + end_, from, bytes);
  end_ += bytes;
}

byte_queue::space byte_queue::make_room(std::size_t bound) {
  require_not_lent();
  if (size() == 0) start_anew();
  if (held_ == 0) {
    move_to_larger(capacity_);
  } else if (begin_ >= size()) {
    move_to_front();  // each byte that moves is paid for by one that was taken
  } else if (end_ == held_) {
    if (held_ < bound) {
      const bool can_double = held_ <= std::numeric_limits<std::size_t>::max() / 2;
      move_to_larger(can_double ? std::min(2 * held_, bound) : bound);
    } else {
      move_to_front();
    }
  }
  return {memory_.get() + end_, held_ - end_};
}

void byte_queue::start_anew() noexcept {
  begin_ = 0;
  end_ = 0;
  if (held_ <= capacity_) return;
  // One long line must not make a connection that lives for days a large one.
  memory_.reset();
  held_ = 0;
}

void byte_queue::move_to_front() noexcept {
  if (begin_ == 0) return;
  std::memmove(memory_.get(), memory_.get() + begin_, size());
  end_ = size();
  begin_ = 0;
}

void byte_queue::move_to_larger(std::size_t bytes) {
  std::unique_ptr<char[]> larger(new char[bytes]);  // make_unique would write zeros
  if (size() != 0) std::memcpy(larger.get(), memory_.get() + begin_, size());
  memory_ = std::move(larger);
  held_ = bytes;
  end_ = size();
  begin_ = 0;
}

std::size_t find_delimiter(std::string_view bytes, std::string_view delimiter, std::size_t from) {
  if (delimiter.size() != 1) return bytes.find(delimiter, from);
  if (from >= bytes.size()) return std::string_view::npos;
  const void* const found = std::memchr(bytes.data() + from, delimiter[0], bytes.size() - from);
  if (found == nullptr) return std::string_view::npos;
  return static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
}

void misuse_of_lent_bytes() {
  misuse(
      "a buffered_reader or buffered_writer was used while another fiber waits in it. One fiber at "
      "a time may use it: take a mutex around it");
}

void misuse_of_delimiter() { misuse("a delimiter was empty; it needs at least 1 byte"); }

void misuse_of_consume(std::size_t bytes, std::size_t buffered) {
  misuse("consume(" + std::to_string(bytes) + ") was called with " + std::to_string(buffered) +
         " bytes buffered");
}

void misuse_of_stream(const char* what, std::size_t returned, std::size_t bytes) {
  misuse(std::string("a stream's ") + what + " returned " + std::to_string(returned) + " for " +
         std::to_string(bytes) + " bytes");
}

void throw_end_of_stream(std::size_t bytes) { throw end_of_stream(bytes); }
void throw_end_of_stream(std::size_t bytes, std::size_t wanted) {
  throw end_of_stream(bytes, wanted);
}

void throw_no_delimiter(std::size_t longest) {
  throw limit_exceeded("weft: no delimiter after " + std::to_string(longest) +
                           " bytes; they stay buffered: consume() them, or allow more",
                       longest);
}

void throw_more_than(std::size_t most) {
  throw limit_exceeded("weft: the stream has more than " + std::to_string(most) +
                           " bytes; they stay buffered: read_some() them, or allow more",
                       most);
}

void throw_still_unsent(std::size_t bytes, std::size_t capacity) {
  throw limit_exceeded("weft: " + std::to_string(bytes) +
                           " bytes are unsent since a write to the stream failed: flush() or "
                           "discard() them before you write more",
                       capacity);
}

void report_unsent(std::size_t bytes, int uncaught_before) noexcept {
  if (bytes == 0 || std::uncaught_exceptions() > uncaught_before) return;
  char text[160];
  const int length = std::snprintf(text, sizeof text,
                                   "weft: a buffered_writer was destroyed with %zu bytes unsent; "
                                   "flush() them, or discard() what nobody is to get",
                                   bytes);
  send_report({text, static_cast<std::size_t>(length)});
}

}  // namespace detail
WEFT_NAMESPACE_END
