// SPDX-License-Identifier: BSL-1.0
// connect and accept in fibers.
#include <chrono>
#include <cstring>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::gave;
using weft_tests::hooked;

namespace {

struct listening {
  explicit listening(int backlog = 128) : fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    at.sin_family = AF_INET;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(bind(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0);
    REQUIRE(listen(fd, backlog) == 0);
    socklen_t bytes = sizeof at;
    REQUIRE(getsockname(fd, reinterpret_cast<sockaddr*>(&at), &bytes) == 0);
  }
  ~listening() { close(fd); }
  int connect_to() const {
    const int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(end_of([&] { return connect(to, reinterpret_cast<const sockaddr*>(&at), sizeof at); }) ==
          gave(0));
    return to;
  }
  const int fd;
  sockaddr_in at{};
};

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: a server and 100 clients with blocking calls, on one thread") {
  run([] {
    const listening server;
    std::vector<weft::task<void>> all;
    for (int i = 0; i < 100; ++i) {
      all.push_back(spawn([&, i] {  // a worker of the server
        sockaddr_in from{};
        socklen_t bytes = sizeof from;
        const int peer = i % 2 == 0 ? accept(server.fd, reinterpret_cast<sockaddr*>(&from), &bytes)
                                    : accept4(server.fd, nullptr, nullptr, SOCK_CLOEXEC);
        REQUIRE(peer >= 0);
        const std::string got = weft_tests::read_text(peer);
        CHECK(write(peer, got.data(), got.size()) == static_cast<ssize_t>(got.size()));
        close(peer);
      }));
    }
    for (int i = 0; i < 100; ++i) {
      all.push_back(spawn([&, i] {
        const int to = server.connect_to();
        CHECK_FALSE(weft_tests::is_nonblocking_file(to));
        const std::string text = "client " + std::to_string(i);
        CHECK(write(to, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
        CHECK(weft_tests::read_text(to) == text);
        close(to);
      }));
    }
    for (auto& one : all) one.get();
    CHECK_FALSE(weft_tests::is_nonblocking_file(server.fd));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: connect() tells refusals, and what is non-blocking is under way") {
  run([] {
    sockaddr_in nowhere{};
    {
      const listening gone;
      nowhere = gone.at;
    }
    const int to = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    CHECK(end_of([&] {
            return connect(to, reinterpret_cast<sockaddr*>(&nowhere), sizeof nowhere);
          }) == failed(ECONNREFUSED));
    close(to);
    const listening server;
    const int quick = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    CHECK(end_of([&] {
            return connect(quick, reinterpret_cast<const sockaddr*>(&server.at), sizeof server.at);
          }) == failed(EINPROGRESS));
    close(quick);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: SO_RCVTIMEO ends accept(), SO_SNDTIMEO a connect() nobody takes") {
  run([] {
    timeval span{};
    span.tv_usec = 20'000;
    const listening server;
    REQUIRE(setsockopt(server.fd, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
    const auto began = weft::now();
    CHECK(end_of([&] { return accept(server.fd, nullptr, nullptr); }) == failed(EAGAIN));
    CHECK(weft::now() - began >= 20ms);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a local connect() waits for room in the backlog") {
  run([] {
    sockaddr_un at{};
    at.sun_family = AF_UNIX;
    const std::string name = "weft hook " + std::to_string(getpid());
    std::memcpy(at.sun_path + 1, name.data(), name.size());
    const auto bytes = static_cast<socklen_t>(sizeof(sa_family_t) + 1 + name.size());
    const int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    REQUIRE(bind(server, reinterpret_cast<sockaddr*>(&at), bytes) == 0);
    REQUIRE(listen(server, 0) == 0);
    int connected = 0;
    std::vector<weft::task<void>> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(spawn([&] {
        const int to = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
        CHECK(connect(to, reinterpret_cast<sockaddr*>(&at), bytes) == 0);
        ++connected;
        close(to);
      }));
    }
    weft::await_sleep(3ms);
    CHECK(connected < 5);
    for (int i = 0; i < 5; ++i) close(accept(server, nullptr, nullptr));
    for (auto& one : all) one.get();
    CHECK(connected == 5);
    close(server);
  });
}
