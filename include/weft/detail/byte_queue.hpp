// SPDX-License-Identifier: BSL-1.0
// Bytes that came and were not taken yet, in one piece of memory. Layer: io. Used by
// buffered_reader and buffered_writer; knows nothing of streams. Defined in src/io/buffered.cpp.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "weft/detail/compiler.hpp"
#include "weft/detail/config.hpp"
#include "weft/detail/export.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

[[noreturn]] WEFT_API void misuse_of_lent_bytes();

// Bytes are added at the back and taken at the front. The memory comes with the first byte, so a
// connection that says nothing costs none. It grows only as far as a caller's bound, and what is
// beyond the capacity is given back once the queue was empty. Bytes move when it grows, or when
// at least as many were taken since the last move: the total stays linear.
class WEFT_API byte_queue {
 public:
  struct space {
    char* at;
    std::size_t bytes;
  };

  // While one lives, the stream holds a pointer into the memory, or is at work for the fiber whose
  // turn it is: a change by another fiber would go wrong silently.
  class lending {
   public:
    // Throws: std::logic_error if another one lives.
    explicit lending(byte_queue& bytes) : bytes_(bytes) {
      bytes.require_not_lent();
      bytes.is_lent_ = true;
    }
    ~lending() { bytes_.is_lent_ = false; }
    lending(const lending&) = delete;
    lending& operator=(const lending&) = delete;

   private:
    byte_queue& bytes_;
  };

  // Throws: std::logic_error, with the name of the owner's type, if the capacity is 0.
  byte_queue(std::size_t capacity, const char* owner);
  ~byte_queue();  // asserts that it is not lent
  byte_queue(const byte_queue&) = delete;
  byte_queue& operator=(const byte_queue&) = delete;

  std::size_t capacity() const noexcept { return capacity_; }
  std::size_t size() const noexcept { return end_ - begin_; }
  std::string_view view() const noexcept { return {memory_.get() + begin_, size()}; }

  // Bytes that can be added while the size stays within the capacity.
  std::size_t room() const noexcept { return size() < capacity_ ? capacity_ - size() : 0; }

  // Takes so many at the front. Views stay valid.
  void drop(std::size_t bytes) {
    require_not_lent();
    begin_ += bytes;
  }

  // Copies bytes to the back, beyond the capacity if need be.  Throws: std::bad_alloc.
  void append(const void* from, std::size_t bytes);

  // Memory behind the last byte, at least one, that added() makes part of the queue. All of it
  // grows to no more than `bound` or the capacity, whichever is larger.
  // Requires: size() < bound.  Throws: std::bad_alloc, the bytes are then as before.
  space make_room(std::size_t bound);
  void added(std::size_t bytes) noexcept { end_ += bytes; }

 private:
  void require_not_lent() const {
    if (WEFT_UNLIKELY(is_lent_)) misuse_of_lent_bytes();
  }
  void start_anew() noexcept;
  void move_to_front() noexcept;
  void move_to_larger(std::size_t bytes);

  std::unique_ptr<char[]> memory_;
  std::size_t held_ = 0;   // bytes of memory_
  std::size_t begin_ = 0;  // begin_ <= end_ <= held_
  std::size_t end_ = 0;
  std::size_t capacity_;
  bool is_lent_ = false;
};

}  // namespace detail
WEFT_NAMESPACE_END
