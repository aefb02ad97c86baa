// SPDX-License-Identifier: BSL-1.0
// See server_client.hpp.
#include "server_client.hpp"

#include <sys/epoll.h>
#include <unistd.h>

#include <utility>

namespace cost {

server_client::server_client(std::unique_ptr<server_process> server, std::size_t connections,
                             std::string_view request, std::string_view answer)
    : server_(std::move(server)),
      epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)),
      request_(request),
      answer_(answer) {
  for (std::size_t i = 0; i < connections; ++i) {
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = server_->connect();
    peers_.push_back(interest.data.fd);
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, interest.data.fd, &interest);
  }
}

server_client::~server_client() {
  for (const int peer : peers_) ::close(peer);
  ::close(epoll_fd_);
}

// All that is asked is answered within the run: what the server did later would count for nobody.
std::uint64_t server_client::run(std::uint64_t operations) {
  for (const int peer : peers_) ask(peer, request_);
  std::uint64_t asked = peers_.size();
  epoll_event events[64];
  for (std::uint64_t done = 0; done < asked;) {
    // Never asleep: to wake it would cost the server's send() more than all that is measured.
    const int count = ::epoll_wait(epoll_fd_, events, 64, 0);
    for (int i = 0; i < count; ++i) {
      take_answer(events[i].data.fd, answer_);
      ++done;
      if (asked >= operations) continue;
      ask(events[i].data.fd, request_);
      ++asked;
    }
  }
  return asked;
}

std::vector<row_result> measure_servers(const row& what, const pace& how) {
  pace slow = how;
  slow.round_ns = 8 * how.round_ns;
  return {measure(what, slow)};
}

}  // namespace cost
