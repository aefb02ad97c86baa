// SPDX-License-Identifier: BSL-1.0
// The yardstick of the echo rows: what a C programmer writes by hand over epoll, edge-triggered,
// one recv and one send a request. Prints its port, and serves until it is killed.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

namespace {

void serve(int epoll_fd, int fd) {
  char block[1024];
  for (;;) {
    const ssize_t came = ::recv(fd, block, sizeof block, MSG_DONTWAIT);
    if (came < 0 && errno == EAGAIN) return;
    if (came <= 0) {
      ::epoll_ctl(epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
      ::close(fd);
      return;
    }
    if (::send(fd, block, static_cast<std::size_t>(came), MSG_DONTWAIT | MSG_NOSIGNAL) != came) {
      return;  // the client of this benchmark always reads
    }
    if (static_cast<std::size_t>(came) < sizeof block) return;  // emptied: epoll(7), Q9
  }
}

}  // namespace

int COST_ECHO_SERVER();  // main, or a name that servers.cpp calls
int COST_ECHO_SERVER() {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof at;
  const int on = 1;
  ::setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::bind(listener, reinterpret_cast<sockaddr*>(&at), bytes) != 0 ||
      ::listen(listener, 4096) != 0 ||
      ::getsockname(listener, reinterpret_cast<sockaddr*>(&at), &bytes) != 0) {
    return 1;
  }
  std::printf("%d\n", static_cast<int>(ntohs(at.sin_port)));
  std::fflush(stdout);
  const int epoll_fd = ::epoll_create1(EPOLL_CLOEXEC);
  epoll_event interest{};
  interest.events = EPOLLIN;
  interest.data.fd = listener;
  ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &interest);
  epoll_event events[64];
  for (;;) {
    const int count = ::epoll_wait(epoll_fd, events, 64, -1);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd != listener) {
        serve(epoll_fd, events[i].data.fd);
        continue;
      }
      const int peer = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (peer < 0) continue;
      interest.events = EPOLLIN | EPOLLRDHUP | EPOLLET;
      interest.data.fd = peer;
      ::epoll_ctl(epoll_fd, EPOLL_CTL_ADD, peer, &interest);
    }
  }
}
