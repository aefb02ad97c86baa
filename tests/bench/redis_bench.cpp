// SPDX-License-Identifier: BSL-1.0
// redis: the processor time that a GET takes, one request under way on each connection: the example
// mini_redis beside Redis' own server.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "program.hpp"
#include "server_process.hpp"

namespace {

using namespace bench;

constexpr const char* redis_server = "redis-server";

void say(int peer, std::string_view request) {
  if (::send(peer, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    throw std::runtime_error("the server has gone");
  }
}

void expect(int peer, std::string_view answer) {
  char block[64];
  if (::recv(peer, block, answer.size(), MSG_WAITALL) != static_cast<ssize_t>(answer.size()) ||
      std::memcmp(block, answer.data(), answer.size()) != 0) {
    throw std::runtime_error("the server sent something else");
  }
}

constexpr std::string_view set = "*3\r\n$3\r\nSET\r\n$8\r\nkey:0001\r\n$3\r\nxxx\r\n";
constexpr std::string_view get = "*2\r\n$3\r\nGET\r\n$8\r\nkey:0001\r\n";

class redis_client final : public contender {
 public:
  redis_client(std::unique_ptr<server_process> server, std::size_t connections)
      : server_(std::move(server)), epoll_fd_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (std::size_t i = 0; i < connections; ++i) {
      epoll_event interest{};
      interest.events = EPOLLIN;
      interest.data.fd = server_->connect();
      peers_.push_back(interest.data.fd);
      ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, interest.data.fd, &interest);
    }
    say(peers_[0], set);
    expect(peers_[0], "+OK\r\n");
  }
  ~redis_client() override {
    for (const int peer : peers_) ::close(peer);
    ::close(epoll_fd_);
  }

  // All that is asked is answered within the run: what the server did later would count for nobody.
  std::uint64_t run(std::uint64_t operations) override {
    for (const int peer : peers_) say(peer, get);
    std::uint64_t asked = peers_.size();
    epoll_event events[64];
    for (std::uint64_t done = 0; done < asked;) {
      // Never asleep: to wake it would cost the server's send() more than all that is measured.
      const int count = ::epoll_wait(epoll_fd_, events, 64, 0);
      for (int i = 0; i < count; ++i) {
        expect(events[i].data.fd, "$3\r\nxxx\r\n");
        ++done;
        if (asked >= operations) continue;
        say(events[i].data.fd, get);
        ++asked;
      }
    }
    return asked;
  }

  double elsewhere_ns() const override { return server_->cpu_ns() - cpu_ns(); }

 private:
  std::unique_ptr<server_process> server_;
  int epoll_fd_;
  std::vector<int> peers_;
};

std::unique_ptr<server_process> start_redis() {
  const int port = free_port();
  return std::make_unique<server_process>(
      std::vector<std::string>{redis_server, "--port", std::to_string(port), "--save", "",
                               "--appendonly", "no", "--bind", "127.0.0.1"},
      port);
}

std::vector<row> rows(const arguments&) {
  std::vector<row> all;
  for (const std::size_t connections : {50, 500}) {
    row one;
    one.name = "GET, " + std::to_string(connections) + " connections";
    one.peer = redis_server;
#ifdef BENCH_MINI_REDIS_FCONTEXT
    one.entries.push_back({weft_fcontext, [connections] {
                             return std::make_unique<redis_client>(
                                 std::make_unique<server_process>(BENCH_MINI_REDIS_FCONTEXT),
                                 connections);
                           }});
#endif
#ifdef BENCH_MINI_REDIS_ASM
    one.entries.push_back({weft_asm, [connections] {
                             return std::make_unique<redis_client>(
                                 std::make_unique<server_process>(BENCH_MINI_REDIS_ASM),
                                 connections);
                           }});
#endif
    one.entries.push_back({redis_server, [connections] {
                             return std::make_unique<redis_client>(start_redis(), connections);
                           }});
    one.goals = {{weft_asm, redis_server, 1}, {weft_fcontext, redis_server, 1}};
    all.push_back(std::move(one));
  }
  return all;
}

// As the echo rows.
std::vector<row_result> take(const row& what, const pace& how) {
  pace slow = how;
  slow.round_ns = 8 * how.round_ns;
  return {measure(what, slow)};
}

}  // namespace

int main(int argc, char** argv) {
  return run_program({"redis", {"ns", 1, 1}, &rows, &take}, argc, argv);
}
