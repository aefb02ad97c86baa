// SPDX-License-Identifier: BSL-1.0
// What tests of hooked calls share: a loop with the tiers installed, and pairs of descriptors that
// close themselves.
#pragma once

#include <cerrno>
#include <ostream>
#include <string>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/hook.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/time.hpp"

namespace weft_tests {

// All but the locks, which have tests of their own. As a fixture: descriptors are counted, too.
struct hooked : no_leaks {
  hooked() {
    weft::hook::install(weft::hook::tier::net | weft::hook::tier::names | weft::hook::tier::files);
  }
  // A thread that has woken a fiber may still be about to let go of the loop's eventfd.
  ~hooked() {
    for (int i = 0; i < 1000 && open_descriptors() != before_; ++i) usleep(1000);
  }

  // Without the watchdog, which has files open for moments.
  template <class F>
  auto run(F&& body) -> decltype(body()) {
    return no_leaks::run(unwatched(), std::forward<F>(body));
  }

 private:
  const std::size_t before_ = open_descriptors();
};

struct descriptor_pair {
  descriptor_pair() = default;
  explicit descriptor_pair(int type) {
    REQUIRE(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fd) == 0);
  }
  ~descriptor_pair() {
    close_one(0);
    close_one(1);
  }
  descriptor_pair(const descriptor_pair&) = delete;
  descriptor_pair& operator=(const descriptor_pair&) = delete;

  void close_one(int which) {
    if (fd[which] >= 0) close(std::exchange(fd[which], -1));
  }
  int operator[](int which) const noexcept { return fd[which]; }

  int fd[2] = {-1, -1};
};

struct stream_pair : descriptor_pair {
  stream_pair() : descriptor_pair(SOCK_STREAM) {}
};
struct datagram_pair : descriptor_pair {
  datagram_pair() : descriptor_pair(SOCK_DGRAM) {}
};
struct pipe_pair : descriptor_pair {  // 0 reads, 1 writes
  pipe_pair() { REQUIRE(pipe2(fd, O_CLOEXEC) == 0); }
};

// A call's result and errno, as one thing to compare.
struct call_end {
  long result = 0;
  int error = 0;  // of a failure only

  bool operator==(const call_end& other) const {
    return result == other.result && error == other.error;
  }
};
template <class F>
call_end end_of(F&& call) {
  errno = 0;
  const auto result = static_cast<long>(call());
  return {result, result < 0 ? errno : 0};
}
inline std::ostream& operator<<(std::ostream& to, const call_end& end) {
  return to << end.result << " errno " << end.error;
}
inline call_end failed(int error) { return {-1, error}; }
inline call_end gave(long result) { return {result, 0}; }

inline std::string read_text(int fd, std::size_t room = 64) {
  std::string text(room, '\0');
  const ssize_t got = read(fd, text.data(), room);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

// How often the function has parked so far.
inline std::uint64_t waits_of(const std::string& name) {
  for (const auto& one : weft::hook::counters()) {
    if (name == one.name) return one.waits;
  }
  return 0;
}

inline bool is_nonblocking_file(int fd) { return (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0; }

}  // namespace weft_tests
