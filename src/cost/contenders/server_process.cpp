// SPDX-License-Identifier: BSL-1.0
// Starts servers and talks to them.
#include "server_process.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace cost {
std::vector<echo_program> echo_programs() {
  return {
#ifdef COST_ECHO_FCONTEXT
      {"weft fcontext", COST_ECHO_FCONTEXT},
#endif
#ifdef COST_ECHO_ASM
      {"weft asm", COST_ECHO_ASM},
#endif
#ifdef COST_ECHO_FCONTEXT_UNWATCHED
      {"fcontext, no watchdog", COST_ECHO_FCONTEXT_UNWATCHED},
#endif
#ifdef COST_ECHO_ASM_UNWATCHED
      {"asm, no watchdog", COST_ECHO_ASM_UNWATCHED},
#endif
      {raw_epoll, COST_ECHO_EPOLL},
#ifdef COST_ECHO_ASIO
      {"Asio", COST_ECHO_ASIO},
#endif
#ifdef COST_ECHO_UV
      {"libuv", COST_ECHO_UV},
#endif
#ifdef COST_ECHO_GO
      {"Go", COST_ECHO_GO},
#endif
  };
}

void server_process::start(std::vector<std::string> command, int output) {
  // This program has the first core.
  const std::string core = std::to_string(::sysconf(_SC_NPROCESSORS_CONF) - 1);
  command.insert(command.begin(), {"taskset", "-c", core});
  std::vector<char*> words;
  for (std::string& word : command) words.push_back(word.data());
  words.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, output, 1);
  const int error = ::posix_spawnp(&pid_, words[0], &actions, nullptr, words.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (error != 0) throw std::runtime_error("no taskset");
}

server_process::server_process(const char* program)
    : server_process(std::vector<std::string>{program}) {}

server_process::server_process(std::vector<std::string> command) {
  int output[2];
  if (::pipe2(output, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  start(command, output[1]);
  ::close(output[1]);
  std::FILE* const from = ::fdopen(output[0], "r");
  char line[256] = "";
  if (std::fgets(line, sizeof line, from) != nullptr) {
    const char* const colon = std::strrchr(line, ':');
    port_ = std::atoi(colon != nullptr ? colon + 1 : line);
  }
  std::fclose(from);
  if (port_ == 0) throw std::runtime_error("cannot run " + command[0]);
}

server_process::server_process(std::vector<std::string> command, int port) : port_(port) {
  const int nowhere = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  start(command, nowhere);
  ::close(nowhere);
  for (int tries = 0; tries < 500; ++tries) {
    try {
      ::close(connect());
      return;
    } catch (const std::runtime_error&) {
      ::usleep(20'000);
    }
  }
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  throw std::runtime_error("cannot run " + command[0]);
}

server_process::~server_process() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

int server_process::connect() const {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw std::runtime_error("no socket: is `ulimit -n` too low?");
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  at.sin_port = htons(static_cast<std::uint16_t>(port_));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) {
    ::close(fd);
    throw std::runtime_error("cannot connect to the server");
  }
  return fd;
}

double server_process::cpu_ns() const {
  clockid_t its_clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid_, &its_clock) != 0) return 0;
  ::clock_gettime(its_clock, &used);
  return static_cast<double>(used.tv_sec) * 1e9 + static_cast<double>(used.tv_nsec);
}

double server_process::figure(const char* name) const {
  std::ifstream status("/proc/" + std::to_string(pid_) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.rfind(name, 0) == 0) return std::stod(line.substr(line.find(':') + 1)) * 1024;
  }
  throw std::runtime_error("the server has gone");
}

int free_port() {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t bytes = sizeof at;
  if (::bind(fd, reinterpret_cast<sockaddr*>(&at), bytes) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&at), &bytes) != 0) {
    throw std::runtime_error("no free port");
  }
  ::close(fd);
  return ntohs(at.sin_port);
}

void ask(int peer, std::string_view request) {
  if (::send(peer, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size())) {
    throw std::runtime_error("the server has gone");
  }
}

void take_answer(int peer, std::string_view answer) {
  char block[64];
  if (answer.size() > sizeof block ||
      ::recv(peer, block, answer.size(), MSG_WAITALL) != static_cast<ssize_t>(answer.size()) ||
      std::memcmp(block, answer.data(), answer.size()) != 0) {
    throw std::runtime_error("the server sent something else");
  }
}

std::string_view echo_request() {
  static const std::string all(64, 'x');
  return all;
}

void raise_descriptor_limit() {
  rlimit most{};
  ::getrlimit(RLIMIT_NOFILE, &most);
  most.rlim_cur = most.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &most);
}

}  // namespace cost
