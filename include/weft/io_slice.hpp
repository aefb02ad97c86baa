// SPDX-License-Identifier: BSL-1.0
// Pieces of memory to write from and to read into, for several in one system call. Layer: io. Both
// are laid out as iovec; neither owns anything, and all must live until the call returns.
//
//   stream.write_all({header, body, "\n"});
//   stream.read_exactly({length, checksum});
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <type_traits>

#include "weft/detail/config.hpp"

WEFT_NAMESPACE_BEGIN

// A piece to write from.
struct io_slice {
  io_slice() noexcept = default;
  io_slice(const void* from, std::size_t bytes) noexcept : data(from), size(bytes) {}
  io_slice(std::string_view text) noexcept : data(text.data()), size(text.size()) {}    // implicit
  io_slice(const std::string& text) noexcept : data(text.data()), size(text.size()) {}  // implicit
  io_slice(const char* text) noexcept : io_slice(std::string_view(text)) {}             // implicit

  const void* data = nullptr;
  std::size_t size = 0;
};

// A piece to read into: all of an array, or of a string as long as it is.
struct io_space {
  io_space() noexcept = default;
  io_space(void* to, std::size_t bytes) noexcept : data(to), size(bytes) {}
  io_space(std::string& text) noexcept : data(text.data()), size(text.size()) {}  // implicit
  template <class T, std::size_t N, std::enable_if_t<std::is_trivially_copyable_v<T>, int> = 0>
  io_space(T (&array)[N]) noexcept : data(array), size(sizeof array) {}  // implicit

  void* data = nullptr;
  std::size_t size = 0;
};

WEFT_NAMESPACE_END
