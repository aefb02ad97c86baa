// SPDX-License-Identifier: BSL-1.0
// A name server that answers after 0.2 s, whoever asks for what: 192.0.2.7 (web.test:
// 127.0.0.1), and no IPv6 address.
// dns_server ADDRESS: on port 53 of that address, for resolv.conf names no port.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <chrono>
#include <cstdio>
#include <deque>
#include <string>

namespace {

using clock_type = std::chrono::steady_clock;
constexpr auto delay = std::chrono::milliseconds(200);

struct question {
  clock_type::time_point due;
  sockaddr_in from;
  std::string bytes;
};

// RFC 1035, 4.1: twelve bytes, then the name, type and class of what is asked.
std::string answer_to(const std::string& asked) {
  std::size_t end = 12;
  while (end < asked.size() && asked[end] != 0) {
    end += 1 + static_cast<unsigned char>(asked[end]);
  }
  end += 5;
  if (end > asked.size()) return {};
  const bool wants_ipv4 = asked[end - 4] == 0 && asked[end - 3] == 1;
  std::string answer = asked.substr(0, end);
  answer[2] = '\x81';  // an answer; recursion was wanted
  answer[3] = '\x80';
  answer[7] = wants_ipv4 ? 1 : 0;
  for (std::size_t i = 8; i < 12; ++i) answer[i] = 0;
  if (wants_ipv4) answer.append("\xc0\x0c\0\1\0\1\0\0\0\0\0\4\xc0\0\2\7", 16);
  if (wants_ipv4 && asked.find("\3web\4test") == 12) {
    answer.replace(answer.size() - 4, 4, std::string("\x7f\0\0\1", 4));
  }
  return answer;
}

int milliseconds_until(clock_type::time_point due) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - clock_type::now()).count();
  return left > 0 ? static_cast<int>(left) : 0;
}

}  // namespace

int main(int argc, char** argv) {
  sockaddr_in own{};
  own.sin_family = AF_INET;
  own.sin_port = htons(53);
  const int fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (argc != 2 || inet_pton(AF_INET, argv[1], &own.sin_addr) != 1 ||
      bind(fd, reinterpret_cast<sockaddr*>(&own), sizeof own) != 0) {
    std::perror("dns_server");
    return 1;
  }
  std::printf("ready\n");
  std::fflush(stdout);
  std::deque<question> all;
  for (;;) {
    pollfd one{fd, POLLIN, 0};
    if (poll(&one, 1, all.empty() ? -1 : milliseconds_until(all.front().due)) > 0) {
      char bytes[1500];
      question next{};
      socklen_t size = sizeof next.from;
      const ssize_t got =
          recvfrom(fd, bytes, sizeof bytes, 0, reinterpret_cast<sockaddr*>(&next.from), &size);
      if (got < 0) return 1;
      next.bytes.assign(bytes, static_cast<std::size_t>(got));
      next.due = clock_type::now() + delay;
      all.push_back(next);
    }
    while (!all.empty() && all.front().due <= clock_type::now()) {
      const std::string answer = answer_to(all.front().bytes);
      sendto(fd, answer.data(), answer.size(), 0,
             reinterpret_cast<const sockaddr*>(&all.front().from), sizeof(sockaddr_in));
      all.pop_front();
    }
  }
}
