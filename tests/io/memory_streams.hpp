// SPDX-License-Identifier: BSL-1.0
// Streams in memory for the tests of buffered readers and writers: they deliver and accept in
// pieces of chosen sizes, fail at a chosen call, or park until a test lets them go on.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "weft/channel.hpp"

namespace weft_tests {

constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

// `text` in pieces that begin at each cut.
inline std::vector<std::string> pieces_of(const std::string& text, std::vector<std::size_t> cuts) {
  std::vector<std::string> pieces;
  cuts.push_back(text.size());
  std::size_t from = 0;
  for (const std::size_t cut : cuts) {
    if (cut > from) pieces.push_back(text.substr(from, cut - from));
    from = std::max(from, cut);
  }
  return pieces;
}

inline std::vector<std::string> pieces_of_size(const std::string& text, std::size_t size) {
  std::vector<std::size_t> cuts;
  for (std::size_t cut = size; cut < text.size(); cut += size) cuts.push_back(cut);
  return pieces_of(text, cuts);
}

// Delivers the pieces one by one, then the end. Call number `fails_at` throws instead, once.
class source {
 public:
  explicit source(std::vector<std::string> pieces, std::size_t fails_at = no_limit)
      : pieces_(std::move(pieces)), fails_at_(fails_at) {}

  std::size_t read_some(void* to, std::size_t size) {
    last_to = to;
    most_asked = std::max(most_asked, size);
    last_asked = size;
    if (calls++ == fails_at_) throw std::system_error(EIO, std::generic_category());
    if (next_ == pieces_.size()) return 0;
    std::string& piece = pieces_[next_];
    const std::size_t some = std::min(size, piece.size() - taken_);
    std::memcpy(to, piece.data() + taken_, some);
    taken_ += some;
    if (taken_ == piece.size()) {
      ++next_;
      taken_ = 0;
    }
    return some;
  }

  std::size_t calls = 0;
  std::size_t most_asked = 0;
  std::size_t last_asked = 0;
  void* last_to = nullptr;

 private:
  std::vector<std::string> pieces_;
  std::size_t fails_at_;
  std::size_t next_ = 0;   // the piece that comes next
  std::size_t taken_ = 0;  // of that piece
};

// Parks until the test sends a piece; the end when it closes the channel.
class parking_source {
 public:
  std::size_t read_some(void* to, std::size_t size) {
    if (left_.empty()) {
      auto piece = pieces.recv();
      if (!piece) return 0;
      left_ = std::move(*piece);
    }
    const std::size_t some = std::min(size, left_.size());
    std::memcpy(to, left_.data(), some);
    left_.erase(0, some);
    return some;
  }

  weft::channel<std::string> pieces{16};

 private:
  std::string left_;
};

// Keeps what it gets, at most `at_most` bytes a call. After `fails_after` bytes it throws until the
// test sets that higher.
class sink {
 public:
  std::size_t write_some(const void* from, std::size_t size) {
    ++calls;
    last_from = from;
    if (got.size() >= fails_after) throw std::system_error(EPIPE, std::generic_category());
    const std::size_t some = std::min({size, at_most, fails_after - got.size()});
    got.append(static_cast<const char*>(from), some);
    return some;
  }

  std::string got;
  std::size_t at_most = no_limit;
  std::size_t fails_after = no_limit;
  std::size_t calls = 0;
  const void* last_from = nullptr;
};

// Takes as many bytes as the test has allowed, and parks while that is none.
class parking_sink {
 public:
  std::size_t write_some(const void* from, std::size_t size) {
    if (allowed_ == 0) allowed_ = *allowances.recv();
    const std::size_t some = std::min(size, allowed_);
    allowed_ -= some;
    got.append(static_cast<const char*>(from), some);
    return some;
  }

  weft::channel<std::size_t> allowances{100};
  std::string got;

 private:
  std::size_t allowed_ = 0;
};

}  // namespace weft_tests
