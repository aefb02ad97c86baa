// SPDX-License-Identifier: BSL-1.0
// for (T& value : channel). Layer: sync.
#pragma once

#include <cstddef>
#include <iterator>
#include <optional>
#include <utility>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN
namespace detail {

template <class T, class Policy>
class basic_channel;

// An input iterator over what comes out of a channel.
template <class T, class Policy>
class channel_iterator {
 public:
  using iterator_category = std::input_iterator_tag;
  using value_type = T;
  using difference_type = std::ptrdiff_t;
  using pointer = T*;
  using reference = T&;

  channel_iterator() noexcept = default;  // the end
  explicit channel_iterator(basic_channel<T, Policy>& from) : from_(&from) { ++*this; }

  T& operator*() const noexcept { return *value_; }
  T* operator->() const noexcept { return &*value_; }
  channel_iterator& operator++() {
    value_.reset();
    auto next = from_->recv();
    if (next) {
      value_.emplace(std::move(*next));
    } else {
      from_ = nullptr;
    }
    return *this;
  }
  void operator++(int) { ++*this; }
  friend bool operator==(const channel_iterator& a, const channel_iterator& b) noexcept {
    return a.from_ == b.from_;
  }
  friend bool operator!=(const channel_iterator& a, const channel_iterator& b) noexcept {
    return !(a == b);
  }

 private:
  basic_channel<T, Policy>* from_ = nullptr;
  mutable std::optional<T> value_;
};

}  // namespace detail
WEFT_NAMESPACE_END
