// SPDX-License-Identifier: BSL-1.0
// What chat takes for a line. Knows nothing of rooms or members.
#pragma once

#include <weft/buffered.hpp>
#include <weft/errors.hpp>

#include <cstddef>
#include <optional>
#include <string>

namespace chat {

constexpr std::size_t longest_line = 1000;

// Waits for the next line; nothing at the end of the stream. One that is too long comes in pieces.
template <class Stream>
std::optional<std::string> next_line(weft::buffered_reader<Stream>& in,
                                     std::size_t longest = longest_line) {
  try {
    return in.read_line(longest);
  } catch (const weft::limit_exceeded&) {  // nothing was taken
    std::string piece(in.peek().substr(0, longest));
    in.consume(piece.size());
    return piece;
  }
}

}  // namespace chat
