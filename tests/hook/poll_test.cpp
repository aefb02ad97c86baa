// SPDX-License-Identifier: BSL-1.0
// poll, select and epoll_wait in fibers: one, many and mixed descriptors, and every bit the
// kernel's own.
#include <chrono>
#include <csignal>
#include <string>
#include <vector>

#include <poll.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/select.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::gave;
using weft_tests::hooked;

TEST_CASE_FIXTURE(hooked, "hook: poll() parks until one of many descriptors is ready") {
  run([] {
    std::vector<weft_tests::pipe_pair> pipes(20);
    std::vector<pollfd> all;
    for (const auto& one : pipes) all.push_back({one[0], POLLIN, 0});
    all.push_back({-1, POLLIN, 0});  // passed over
    auto writer = spawn([&] {
      weft::await_sleep(2ms);
      CHECK(write(pipes[13][1], "x", 1) == 1);
    });
    CHECK(poll(all.data(), all.size(), -1) == 1);
    for (std::size_t i = 0; i < all.size(); ++i) CHECK(all[i].revents == (i == 13 ? POLLIN : 0));
    writer.get();
    CHECK(poll(all.data(), all.size(), 0) == 1);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: poll() gives the time out, and no sooner than asked") {
  run([] {
    weft_tests::pipe_pair pipe;
    pollfd one{pipe[0], POLLIN, 0};
    const auto began = weft::now();
    CHECK(poll(&one, 1, 20) == 0);
    CHECK(weft::now() - began >= 20ms);
    CHECK(poll(nullptr, 0, 5) == 0);  // a sleep
    timespec span{0, 5'000'000};
    CHECK(ppoll(&one, 1, &span, nullptr) == 0);
    sigset_t none;
    sigemptyset(&none);
    CHECK(ppoll(&one, 1, &span, &none) == 0);
    span.tv_nsec = -1;
    CHECK(end_of([&] { return ppoll(&one, 1, &span, nullptr); }) == failed(EINVAL));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: poll() tells hangups, errors and urgent data, asked for or not") {
  run([] {
    weft_tests::pipe_pair pipe;
    pollfd one{pipe[0], 0, 0};  // for nothing: an end all the same
    auto closer = spawn([&] {
      weft::await_sleep(1ms);
      pipe.close_one(1);
    });
    CHECK(poll(&one, 1, -1) == 1);
    CHECK(one.revents == POLLHUP);
    closer.get();
    weft_tests::stream_pair sockets;
    pollfd half{sockets[0], POLLRDHUP, 0};
    auto ender = spawn([&] {
      weft::await_sleep(1ms);
      shutdown(sockets[1], SHUT_WR);
    });
    CHECK(poll(&half, 1, -1) == 1);
    CHECK(half.revents == POLLRDHUP);
    ender.get();
    pollfd bad{12345, POLLIN, 0};
    CHECK(poll(&bad, 1, -1) == 1);
    CHECK(bad.revents == POLLNVAL);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: one poll() may name a descriptor twice, and its copies") {
  run([] {
    weft_tests::stream_pair sockets;
    const int copy = dup(sockets[0]);
    pollfd all[] = {{sockets[0], POLLIN, 0}, {sockets[0], POLLIN | POLLPRI, 0}, {copy, POLLIN, 0}};
    auto writer = spawn([&] {
      weft::await_sleep(1ms);
      CHECK(write(sockets[1], "x", 1) == 1);
    });
    CHECK(poll(all, 3, -1) == 3);
    for (const pollfd& one : all) CHECK(one.revents == POLLIN);
    writer.get();
    close(copy);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: several fibers poll one descriptor, and all are told") {
  run([] {
    weft_tests::pipe_pair pipe;
    int told = 0;
    std::vector<weft::task<void>> all;
    for (int i = 0; i < 5; ++i) {
      all.push_back(spawn([&] {
        pollfd one{pipe[0], POLLIN, 0};
        CHECK(poll(&one, 1, -1) == 1);
        ++told;
      }));
    }
    weft::yield();
    CHECK(write(pipe[1], "x", 1) == 1);
    for (auto& one : all) one.get();
    CHECK(told == 5);
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: select() parks, answers in its sets and tells the time that is left") {
  run([] {
    weft_tests::pipe_pair pipe;
    weft_tests::stream_pair sockets;
    auto writer = spawn([&] {
      weft::await_sleep(5ms);
      CHECK(write(pipe[1], "x", 1) == 1);
    });
    fd_set to_read;
    FD_ZERO(&to_read);
    FD_SET(pipe[0], &to_read);
    FD_SET(sockets[0], &to_read);
    const int most = std::max(pipe[0], sockets[0]) + 1;
    timeval longest{10, 0};
    CHECK(select(most, &to_read, nullptr, nullptr, &longest) == 1);
    CHECK(FD_ISSET(pipe[0], &to_read));
    CHECK_FALSE(FD_ISSET(sockets[0], &to_read));
    CHECK((longest.tv_sec == 9 && longest.tv_usec < 996'000));
    writer.get();
    FD_ZERO(&to_read);
    FD_SET(sockets[0], &to_read);
    longest = {0, 3000};
    CHECK(select(most, &to_read, nullptr, nullptr, &longest) == 0);
    CHECK_FALSE(FD_ISSET(sockets[0], &to_read));
    CHECK((longest.tv_sec == 0 && longest.tv_usec == 0));
    fd_set closed;
    FD_ZERO(&closed);
    const int gone = dup(pipe[0]);
    close(gone);
    FD_SET(gone, &closed);
    CHECK(end_of([&] { return select(gone + 1, &closed, nullptr, nullptr, nullptr); }) ==
          failed(EBADF));
    // One that was never open is passed over.
    fd_set unknown;
    FD_ZERO(&unknown);
    FD_SET(1000, &unknown);
    longest = {0, 3000};
    CHECK(select(1001, &unknown, nullptr, nullptr, &longest) == 0);
    timespec span{0, 1'000'000};
    FD_ZERO(&to_read);
    FD_SET(sockets[0], &to_read);
    CHECK(pselect(most, &to_read, nullptr, nullptr, &span, nullptr) == 0);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: epoll_wait() parks on the program's own epoll") {
  run([] {
    weft_tests::pipe_pair pipe;
    const int set = epoll_create1(EPOLL_CLOEXEC);
    epoll_event wanted{};
    wanted.events = EPOLLIN;
    wanted.data.u64 = 42;
    REQUIRE(epoll_ctl(set, EPOLL_CTL_ADD, pipe[0], &wanted) == 0);
    epoll_event got[4];
    CHECK(epoll_wait(set, got, 4, 0) == 0);
    CHECK(epoll_wait(set, got, 4, 5) == 0);
    for (int kind = 0; kind < 3; ++kind) {
      auto writer = spawn([&] {
        weft::await_sleep(1ms);
        CHECK(write(pipe[1], "x", 1) == 1);
      });
      const timespec longest{10, 0};
      const int count = kind == 0   ? epoll_wait(set, got, 4, -1)
                        : kind == 1 ? epoll_pwait(set, got, 4, -1, nullptr)
                                    : epoll_pwait2(set, got, 4, &longest, nullptr);
      if (count < 0 && errno == ENOSYS) continue;  // Linux before 5.11
      CHECK(count == 1);
      CHECK(std::uint64_t{got[0].data.u64} == 42);
      writer.get();
      CHECK(weft_tests::read_text(pipe[0]) == "x");
    }
    CHECK(end_of([&] { return epoll_wait(pipe[0], got, 4, -1); }) == failed(EINVAL));
    close(set);
  });
}
