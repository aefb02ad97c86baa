// SPDX-License-Identifier: BSL-1.0
// An input of a fuzzer, read as choices; and a stream that gives bytes in pieces of chosen sizes
// and fails now and then. Whatever the input, it means something.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <string>
#include <string_view>

namespace weft_fuzz {

// What a target throws when weft and the plain reference differ.
inline void require(bool holds, const char* what) {
  if (!holds) throw std::logic_error(what);
}

// Choices from the front, as long as there are any; then zeros.
class choices {
 public:
  explicit choices(std::string_view bytes) : left_(bytes) {}

  std::size_t below(std::size_t bound) noexcept {
    if (left_.empty()) return 0;
    const auto one = static_cast<unsigned char>(left_.front());
    left_.remove_prefix(1);
    return one % bound;
  }
  bool is_over() const noexcept { return left_.empty(); }

 private:
  std::string_view left_;
};

// Half of an input makes choices, the other half is what comes. A byte at the front says where the
// first one ends, so that a fuzzer can make either longer.
struct parts {
  explicit parts(std::string_view input) {
    if (input.empty()) return;
    const auto where = static_cast<unsigned char>(input.front());
    input.remove_prefix(1);
    const std::size_t size = std::min<std::size_t>(where, input.size());
    choice_bytes = input.substr(0, size);
    data = input.substr(size);
  }
  std::string_view choice_bytes;
  std::string_view data;
};

struct hiccup {};  // a stream's error that is over at the next call

class memory_stream {
 public:
  memory_stream(std::string_view data, choices& by) : left_(data), by_(by) {}

  std::size_t read_some(void* to, std::size_t size) {
    const std::size_t choice = by_.below(16);
    if (choice == 15) throw hiccup();
    const std::size_t some = std::min({left_.size(), size, choice < 12 ? choice + 1 : 1000});
    if (some != 0) std::memcpy(to, left_.data(), some);
    left_.remove_prefix(some);
    return some;
  }
  std::size_t write_some(const void* from, std::size_t size) {
    const std::size_t choice = by_.below(16);
    if (choice == 15) throw hiccup();
    const std::size_t some = std::min(size, choice < 12 ? choice + 1 : 1000);
    written.append(static_cast<const char*>(from), some);
    return some;
  }

  std::string written;

 private:
  std::string_view left_;
  choices& by_;
};

}  // namespace weft_fuzz
