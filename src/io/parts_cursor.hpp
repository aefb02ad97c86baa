// SPDX-License-Identifier: BSL-1.0
// How far a transfer over several pieces of memory has come. Layer: io. A call may end in the
// middle of a piece, and takes a limited number of them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <type_traits>

#include "weft/detail/config.hpp"
#include "weft/io_slice.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class Part>
class parts_cursor {
 public:
  // Of one call. IOV_MAX, which is the same on every Linux: man 2 readv.
  static constexpr std::size_t most = 1024;

  struct batch {
    const Part* parts;  // until the next call of a function of the cursor
    std::size_t count;  // 0: all is done
    std::size_t bytes;
  };

  parts_cursor(const Part* parts, std::size_t count) noexcept : at_(parts), end_(parts + count) {
    skip_empty();
  }

  // What comes next: the caller's own pieces, or a copy of some if the first is begun already.
  batch next() noexcept {
    batch result{at_, std::min(left(), most), 0};
    if (begun_ != 0) {
      result = {ahead_, std::min(left(), most_ahead), 0};
      std::copy_n(at_, result.count, ahead_);
      const auto bytes = static_cast<byte_of_part*>(at_->data);
      ahead_[0] = Part(bytes + begun_, at_->size - begun_);
    }
    for (std::size_t i = 0; i < result.count; ++i) result.bytes += result.parts[i].size;
    return result;
  }

  void advance(std::size_t bytes) noexcept {
    begun_ += bytes;
    skip_empty();
  }

 private:
  using byte_of_part =
      std::conditional_t<std::is_same_v<decltype(Part::data), void*>, char, const char>;
  static constexpr std::size_t most_ahead = 64;  // 1 KiB of the fiber's stack

  std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }
  void skip_empty() noexcept {
    while (at_ != end_ && begun_ >= at_->size) begun_ -= (at_++)->size;
  }

  const Part* at_;
  const Part* end_;
  std::size_t begun_ = 0;  // bytes of *at_ that are done; less than it has
  Part ahead_[most_ahead];
};

}  // namespace detail
WEFT_NAMESPACE_END
