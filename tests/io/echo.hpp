// SPDX-License-Identifier: BSL-1.0
// What servers of tests do, and what their clients ask.
#pragma once

#include <cstddef>
#include <string>

#include "weft/tcp.hpp"

namespace weft_tests {

inline void echo(weft::tcp_stream& peer) {
  char block[256];
  while (const std::size_t n = peer.read_some(block, sizeof block)) peer.write_all(block, n);
}

inline std::string ask(weft::tcp_stream& to, const std::string& text) {
  to.write_all(text);
  std::string answer(text.size(), '\0');
  to.read_exactly(answer.data(), answer.size());
  return answer;
}

}  // namespace weft_tests
