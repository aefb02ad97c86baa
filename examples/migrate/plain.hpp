// SPDX-License-Identifier: BSL-1.0
// What all five steps share, and none of them changes: plain blocking sockets, the server's few
// commands, its arguments. Written for threads, before anybody thought of fibers; no part of weft.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <utility>

namespace plain {

// ---- what the server knows to do ----------------------------------------------------------------

using values = std::map<std::string, long>;

// Answers one line: `set NAME NUMBER`, `add NAME NUMBER`, `get NAME`, `count`.
inline std::string apply(values& all, const std::string& line) {
  std::istringstream words(line);
  std::string verb, name;
  long number = 0;
  words >> verb >> name;
  if (verb == "count") return std::to_string(all.size());
  if (verb == "get" && !name.empty()) {
    const auto found = all.find(name);
    return found != all.end() ? std::to_string(found->second) : "none";
  }
  if ((verb == "set" || verb == "add") && words >> number) {
    long& value = all[name];
    value = verb == "set" ? number : value + number;
    return std::to_string(value);
  }
  return "error: unknown request";
}

// `slow MILLISECONDS`, a request that has to wait for somebody else; nullopt for all others.
inline std::optional<std::chrono::milliseconds> slow_time(const std::string& line) {
  if (line.rfind("slow ", 0) != 0) return std::nullopt;
  return std::chrono::milliseconds(std::atol(line.c_str() + 5));
}

// ---- sockets ------------------------------------------------------------------------------------

enum class got { line, end, nothing_in_time };

class connection {
 public:
  explicit connection(int fd) noexcept : fd_(fd) {}
  connection(connection&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), rest_(std::move(other.rest_)) {}
  connection& operator=(connection&&) = delete;
  ~connection() {
    if (fd_ >= 0) ::close(fd_);
  }

  // Each recv() may take so long.
  void limit_reads(std::chrono::milliseconds longest) {
    timeval t{};
    t.tv_sec = longest.count() / 1000;
    t.tv_usec = longest.count() % 1000 * 1000;
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof t);
  }

  got read_line(std::string& line) {
    std::size_t end;
    while ((end = rest_.find('\n')) == std::string::npos) {
      char bytes[512];
      const ssize_t count = ::recv(fd_, bytes, sizeof bytes, 0);
      if (count < 0 && errno == EAGAIN) return got::nothing_in_time;
      if (count <= 0 || rest_.size() > 4096) return got::end;
      rest_.append(bytes, static_cast<std::size_t>(count));
    }
    line = rest_.substr(0, end);
    rest_.erase(0, end + 1);
    return got::line;
  }

  // False if the peer is gone.
  bool write_line(const std::string& line) {
    const std::string all = line + "\n";
    for (std::size_t sent = 0; sent < all.size();) {
      const ssize_t count = ::send(fd_, all.data() + sent, all.size() - sent, MSG_NOSIGNAL);
      if (count <= 0) return false;
      sent += static_cast<std::size_t>(count);
    }
    return true;
  }

 private:
  int fd_;
  std::string rest_;
};

class listener {
 public:
  explicit listener(int port) {
    sockaddr_in here{};
    here.sin_family = AF_INET;
    here.sin_port = htons(static_cast<std::uint16_t>(port));
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof here;
    const int yes = 1;
    fd_ = ::socket(AF_INET, SOCK_STREAM, 0);
    ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (::bind(fd_, reinterpret_cast<sockaddr*>(&here), length) != 0 ||
        ::listen(fd_, SOMAXCONN) != 0 ||
        ::getsockname(fd_, reinterpret_cast<sockaddr*>(&here), &length) != 0) {
      std::perror("can't listen");
      std::exit(1);
    }
    std::printf("listening on 127.0.0.1:%d\n", ntohs(here.sin_port));
    std::fflush(stdout);
  }
  ~listener() { ::close(fd_); }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  // -1 if there will be no more.
  int accept() {
    for (;;) {
      const int fd = ::accept(fd_, nullptr, nullptr);
      if (fd >= 0 || (errno != EINTR && errno != ECONNABORTED)) return fd;
    }
  }

 private:
  int fd_;
};

// ---- arguments ----------------------------------------------------------------------------------

struct arguments {
  int port = 7020;
  std::chrono::milliseconds idle{60'000};   // a connection that is silent for so long is closed
  std::chrono::milliseconds limit{10'000};  // of a request: from step 4 on
};

inline arguments read_arguments(int argc, char** argv) {
  arguments all;
  for (int i = 1; i < argc; i += 2) {
    const std::string name = argv[i];
    const int value = i + 1 < argc ? std::atoi(argv[i + 1]) : -1;
    if (value >= 0 && name == "--port") {
      all.port = value;
    } else if (value > 0 && name == "--idle") {
      all.idle = std::chrono::milliseconds(value);
    } else if (value > 0 && name == "--limit") {
      all.limit = std::chrono::milliseconds(value);
    } else {
      std::fprintf(name == "--help" ? stdout : stderr,
                   "usage: %s [--port N] [--idle MILLISECONDS] [--limit MILLISECONDS]\n"
                   "  N 0: any port that is free. --limit counts from step 4 on.\n",
                   argv[0]);
      std::exit(name == "--help" ? 0 : 2);
    }
  }
  rlimit descriptors{};  // one for each connection
  ::getrlimit(RLIMIT_NOFILE, &descriptors);
  descriptors.rlim_cur = descriptors.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &descriptors);
  return all;
}

}  // namespace plain
