// SPDX-License-Identifier: BSL-1.0
// A load for an echo server, without weft: so many connections at once, each with messages of
// random sizes under way in both directions; every byte is compared. A connection ends by a
// half-close, and must then be told the end after its last byte.
//
//   echo_load PORT [CONNECTIONS [MEGABYTES [SEED]]]
//
// Prints one line; status 0 if all came back, 1 if not, 2 for bad usage.
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <vector>

namespace {

constexpr std::size_t most_under_way = 64 * 1024;  // less than the buffers of a connection take
constexpr std::size_t largest_piece = 16 * 1024;
constexpr int patience_ms = 60'000;

[[noreturn]] void fail(const char* what, int error = 0) {
  std::fprintf(stderr, "echo_load: %s%s%s\n", what, error != 0 ? ": " : "",
               error != 0 ? std::strerror(error) : "");
  std::exit(1);
}

// The bytes of a connection, in order: sender and receiver have one each, from the same seed.
class byte_source {
 public:
  explicit byte_source(std::uint64_t seed) noexcept : state_(seed * 2 + 1) {}
  char next() noexcept {
    state_ = state_ * 6364136223846793005U + 1442695040888963407U;
    return static_cast<char>(state_ >> 56);
  }

 private:
  std::uint64_t state_;
};

struct peer {
  int fd = -1;
  std::size_t to_send = 0;
  std::size_t to_come = 0;
  byte_source sending{0};
  byte_source coming{0};
  std::vector<char> piece;  // made, and not taken by the kernel yet
  bool has_shut_down = false;
};

int connect_to(std::uint16_t port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) fail("no socket", errno);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(port);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fail("connect", errno);
  return fd;
}

void send_some(peer& one, std::mt19937_64& random) {
  while (one.to_send != 0 || !one.piece.empty()) {
    if (one.piece.empty()) {
      if (one.to_come - one.to_send >= most_under_way) return;
      one.piece.resize(std::min<std::size_t>(one.to_send, 1 + random() % largest_piece));
      for (char& byte : one.piece) byte = one.sending.next();
      one.to_send -= one.piece.size();
    }
    const ssize_t sent =
        ::send(one.fd, one.piece.data(), one.piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && errno == EAGAIN) return;
    if (sent < 0) fail("send", errno);
    one.piece.erase(one.piece.begin(), one.piece.begin() + sent);
  }
  if (!one.has_shut_down && ::shutdown(one.fd, SHUT_WR) != 0) fail("shutdown", errno);
  one.has_shut_down = true;
}

// True at the end.
bool take_some(peer& one) {
  char block[16 * 1024];
  for (;;) {
    const ssize_t came = ::recv(one.fd, block, sizeof block, MSG_DONTWAIT);
    if (came < 0 && errno == EAGAIN) return false;
    if (came < 0) fail("recv", errno);
    if (came == 0) {
      if (one.to_come != 0) fail("the server closed before all came back");
      return true;
    }
    if (static_cast<std::size_t>(came) > one.to_come) fail("more came back than was sent");
    one.to_come -= static_cast<std::size_t>(came);
    for (ssize_t i = 0; i < came; ++i) {
      if (block[i] != one.coming.next()) fail("another byte came back than was sent");
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2 || argc > 5) {
    std::fprintf(stderr, "usage: echo_load PORT [CONNECTIONS [MEGABYTES [SEED]]]\n");
    return 2;
  }
  const auto number = [&](int at, std::size_t otherwise) {
    return at < argc ? std::strtoull(argv[at], nullptr, 10) : otherwise;
  };
  const auto port = static_cast<std::uint16_t>(number(1, 0));
  const std::size_t connections = number(2, 100);
  const std::size_t bytes = number(3, 16) << 20;
  const std::uint64_t seed = number(4, 1);
  if (port == 0 || connections == 0) fail("a port and the number of connections are not 0");

  rlimit most{};
  ::getrlimit(RLIMIT_NOFILE, &most);
  most.rlim_cur = most.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &most);
  std::mt19937_64 random(seed);
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  std::vector<peer> peers(connections);
  for (std::size_t i = 0; i < connections; ++i) {
    peer& one = peers[i];
    one.fd = connect_to(port);
    one.to_send = one.to_come = bytes / connections + random() % 1000;
    one.sending = one.coming = byte_source(seed + i);
    epoll_event interest{};
    interest.events = EPOLLIN | EPOLLOUT | EPOLLET;
    interest.data.u64 = i;
    ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, one.fd, &interest);
  }
  const auto begin = std::chrono::steady_clock::now();
  std::size_t total = 0;
  for (const peer& one : peers) total += one.to_come;
  for (std::size_t open = connections; open != 0;) {
    epoll_event events[256];
    const int count = ::epoll_wait(epoll_fd, events, 256, patience_ms);
    if (count == 0) fail("nothing came back for a minute");
    for (int i = 0; i < count; ++i) {
      peer& one = peers[events[i].data.u64];
      if (one.fd < 0) continue;
      const bool is_over = take_some(one);
      if (!is_over) {
        send_some(one, random);
        continue;
      }
      ::close(one.fd);
      one.fd = -1;
      --open;
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%zu connections, %zu bytes came back as they were sent, %.0f MB/s each way\n",
              connections, total, static_cast<double>(total) / 1e6 / took.count());
}
