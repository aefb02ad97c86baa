// SPDX-License-Identifier: BSL-1.0
// A connected pair of blocking sockets, as legacy code would have it: somebody else's descriptors.
#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <utility>

#include <doctest/doctest.h>

namespace weft_tests {

struct raw_pair {
  raw_pair() { REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0); }
  ~raw_pair() {
    for (const int end : ends) {
      if (end >= 0) ::close(end);
    }
  }
  raw_pair(const raw_pair&) = delete;
  raw_pair& operator=(const raw_pair&) = delete;

  void say(const char* text) const { REQUIRE(::write(ends[1], text, 1) == 1); }
  char hear() const {
    char byte = 0;
    REQUIRE(::recv(ends[0], &byte, 1, MSG_DONTWAIT) == 1);
    return byte;
  }
  // Until there is no room any more.
  void fill() const {
    char block[4096] = {};
    while (::send(ends[0], block, sizeof block, MSG_DONTWAIT) > 0) {
    }
  }
  void drain() const {
    char block[4096];
    while (::recv(ends[1], block, sizeof block, MSG_DONTWAIT) > 0) {
    }
  }
  void hang_up() { ::close(std::exchange(ends[1], -1)); }

  int ends[2] = {-1, -1};
};

}  // namespace weft_tests
