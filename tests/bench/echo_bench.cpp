// SPDX-License-Identifier: BSL-1.0
// echo: the processor time that a server takes for a request of 64 bytes, over loopback, with so
// many connections that each have one request under way. The server has a core of its own; the
// client's time does not count.
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "program.hpp"

namespace {

using namespace bench;

constexpr const char* raw_epoll = "raw epoll";
constexpr std::size_t message_bytes = 64;

class echo_client final : public contender {
 public:
  echo_client(const char* server, std::size_t connections) {
    const int port = start(server);
    epoll_fd_ = ::epoll_create1(EPOLL_CLOEXEC);
    for (std::size_t i = 0; i < connections; ++i) peers_.push_back(connect_to(port));
    for (const int peer : peers_) ask(peer);
  }
  ~echo_client() override {
    for (const int peer : peers_) ::close(peer);
    ::close(epoll_fd_);
    ::kill(server_, SIGKILL);
    ::waitpid(server_, nullptr, 0);
  }

  std::uint64_t run(std::uint64_t operations) override {
    char block[message_bytes];
    epoll_event events[64];
    for (std::uint64_t done = 0;;) {
      const int count = ::epoll_wait(epoll_fd_, events, 64, -1);
      for (int i = 0; i < count; ++i) {
        if (::recv(events[i].data.fd, block, sizeof block, 0) != sizeof block) {
          throw std::runtime_error("the server sent something else back");
        }
        ask(events[i].data.fd);
        ++done;
      }
      if (done >= operations) return done;
    }
  }

  double elsewhere_ns() const override {
    clockid_t its_clock{};
    timespec used{};
    if (::clock_getcpuclockid(server_, &its_clock) != 0) return 0;
    ::clock_gettime(its_clock, &used);
    return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec) - cpu_ns();
  }

 private:
  // On the last core: this program has the first.
  int start(const char* server) {
    int output[2];
    if (::pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, output[1], 1);
    std::string core = std::to_string(::sysconf(_SC_NPROCESSORS_CONF) - 1);
    std::string words[] = {"taskset", "-c", core, server};
    char* arguments[] = {words[0].data(), words[1].data(), words[2].data(), words[3].data(),
                         nullptr};
    const int error = ::posix_spawnp(&server_, arguments[0], &actions, nullptr, arguments, environ);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(output[1]);
    std::FILE* const from = ::fdopen(output[0], "r");
    int port = 0;
    const bool has_port = error == 0 && std::fscanf(from, "%d", &port) == 1;
    std::fclose(from);
    if (!has_port) throw std::runtime_error(std::string("cannot run ") + server);
    return port;
  }

  int connect_to(int port) const {
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    at.sin_port = htons(static_cast<std::uint16_t>(port));
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) {
      throw std::runtime_error("cannot connect to the server");
    }
    epoll_event interest{};
    interest.events = EPOLLIN;
    interest.data.fd = fd;
    ::epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &interest);
    return fd;
  }

  static void ask(int peer) {
    const char block[message_bytes] = {};
    if (::send(peer, block, sizeof block, MSG_NOSIGNAL) != sizeof block) {
      throw std::runtime_error("the server has gone");
    }
  }

  pid_t server_ = 0;
  int epoll_fd_ = -1;
  std::vector<int> peers_;
};

entry server_of(const char* name, const char* program, std::size_t connections) {
  return {name,
          [program, connections] { return std::make_unique<echo_client>(program, connections); }};
}

std::vector<row> rows(const arguments&) {
  std::vector<row> all;
  for (const std::size_t connections : {1, 100, 1000}) {
    row one;
    one.name = "echo, " + std::to_string(connections) +
               (connections == 1 ? " connection" : " connections");
    one.peer = raw_epoll;
#ifdef BENCH_ECHO_FCONTEXT
    one.entries.push_back(server_of(weft_fcontext, BENCH_ECHO_FCONTEXT, connections));
#endif
#ifdef BENCH_ECHO_ASM
    one.entries.push_back(server_of(weft_asm, BENCH_ECHO_ASM, connections));
#endif
    one.entries.push_back(server_of(raw_epoll, BENCH_ECHO_EPOLL, connections));
    if (connections != 1) {
      const double most = connections == 100 ? 1.03 : 1.08;
      one.goals = {{weft_asm, raw_epoll, most}, {weft_fcontext, raw_epoll, most}};
    }
    all.push_back(std::move(one));
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) { return run_program({"echo", {"ns", 1, 1}, &rows}, argc, argv); }
