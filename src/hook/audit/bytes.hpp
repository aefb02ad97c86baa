// SPDX-License-Identifier: BSL-1.0
// A file's bytes, read by offset and never beyond their end: what weft-audit is given may be cut
// off or made to harm. Layer: hook, in the program weft-audit. Both machines that it knows are
// little-endian, as those that it runs on are.
#pragma once

#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>

namespace weft_audit {

// A file is not what it says it is, or cannot be read. The text names no file.
class bad_file : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class bytes {
 public:
  bytes() = default;
  bytes(const unsigned char* data, std::uint64_t count) noexcept : data_(data), count_(count) {}

  std::uint64_t size() const noexcept { return count_; }
  bool has(std::uint64_t from, std::uint64_t count) const noexcept {
    return from <= count_ && count <= count_ - from;
  }
  unsigned char operator[](std::uint64_t at) const noexcept { return data_[at]; }  // if has(at, 1)

  // What lies there.  Throws: bad_file, which says that `what` lies outside.
  bytes part(std::uint64_t from, std::uint64_t count, const char* what) const {
    if (!has(from, count)) throw_outside(what);
    return {data_ + from, count};
  }
  template <class T>
  T read(std::uint64_t from, const char* what) const {
    static_assert(std::is_trivially_copyable_v<T>);
    if (!has(from, sizeof(T))) throw_outside(what);
    T value;
    std::memcpy(&value, data_ + from, sizeof value);
    return value;
  }
  // Up to the zero that ends it.
  std::string_view text(std::uint64_t from, const char* what) const {
    if (!has(from, 1)) throw_outside(what);
    const void* const end = std::memchr(data_ + from, 0, count_ - from);
    if (end == nullptr) throw_outside(what);
    const auto* const begin = reinterpret_cast<const char*>(data_ + from);
    return {begin, static_cast<std::size_t>(static_cast<const char*>(end) - begin)};
  }

 private:
  [[noreturn]] static void throw_outside(const char* what) {
    throw bad_file(std::string(what) + " lies outside the file: it is cut off or damaged");
  }

  const unsigned char* data_ = nullptr;
  std::uint64_t count_ = 0;
};

// Reads one value after another.
class reader {
 public:
  reader(bytes from, const char* what) noexcept : from_(from), what_(what) {}

  std::uint64_t position() const noexcept { return at_; }
  bool is_at_end() const noexcept { return at_ >= from_.size(); }
  void skip(std::uint64_t count) {
    from_.part(at_, count, what_);
    at_ += count;
  }
  template <class T>
  T next() {
    const T value = from_.read<T>(at_, what_);
    at_ += sizeof(T);
    return value;
  }
  std::string_view next_text() {
    const std::string_view text = from_.text(at_, what_);
    at_ += text.size() + 1;
    return text;
  }
  // LEB128, as DWARF has it.
  std::uint64_t next_unsigned() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = next<unsigned char>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if ((byte & 0x80) == 0) return value;
    }
  }
  std::int64_t next_signed() {
    std::uint64_t value = 0;
    for (unsigned shift = 0;;) {
      const auto byte = next<unsigned char>();
      if (shift < 64) value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      shift += 7;
      if ((byte & 0x80) != 0) continue;
      if ((byte & 0x40) != 0 && shift < 64) value |= ~std::uint64_t{0} << shift;
      return static_cast<std::int64_t>(value);
    }
  }

 private:
  bytes from_;
  const char* what_;
  std::uint64_t at_ = 0;
};

}  // namespace weft_audit
