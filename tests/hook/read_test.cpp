// SPDX-License-Identifier: BSL-1.0
// read, recv and their like in fibers: they park, and end as the kernel's do.
#include <chrono>
#include <cstring>
#include <string>

#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <sys/uio.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::call_end;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::gave;
using weft_tests::hooked;
using weft_tests::read_text;

namespace {

void set_receive_timeout(int fd, long milliseconds) {
  timeval span{};
  span.tv_usec = milliseconds * 1000;
  REQUIRE(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &span, sizeof span) == 0);
}

}  // namespace

TEST_CASE_FIXTURE(hooked, "hook: read() of a pipe, a socket and an eventfd parks until data") {
  run([] {
    weft_tests::pipe_pair pipe;
    weft_tests::stream_pair sockets;
    const int event = eventfd(0, EFD_CLOEXEC);
    std::string order;
    auto from_pipe = spawn([&] { order += "p" + read_text(pipe[0]); });
    auto from_socket = spawn([&] { order += "s" + read_text(sockets[0]); });
    auto from_event = spawn([&] {
      std::uint64_t count = 0;
      CHECK(read(event, &count, sizeof count) == 8);
      order += "e" + std::to_string(count);
    });
    weft::yield();
    CHECK(order.empty());
    CHECK(write(pipe[1], "1", 1) == 1);
    from_pipe.get();
    CHECK(write(sockets[1], "2", 1) == 1);
    from_socket.get();
    const std::uint64_t three = 3;
    CHECK(write(event, &three, sizeof three) == 8);
    from_event.get();
    CHECK(order == "p1s2e3");
    for (const int fd : {pipe[0], sockets[0], event}) {
      CHECK_FALSE(weft_tests::is_nonblocking_file(fd));
    }
    close(event);
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: data that is there is read without a wait, the end of it as well") {
  run([] {
    weft_tests::pipe_pair pipe;
    REQUIRE(write(pipe[1], "abc", 3) == 3);
    const auto before = weft_tests::waits_of("read");
    CHECK(read_text(pipe[0], 2) == "ab");
    pipe.close_one(1);
    CHECK(read_text(pipe[0]) == "c");
    char byte = 0;
    CHECK(end_of([&] { return read(pipe[0], &byte, 1); }) == gave(0));
    CHECK(weft_tests::waits_of("read") == before);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: what the program set non-blocking stays so") {
  run([] {
    weft_tests::stream_pair sockets;
    REQUIRE(fcntl(sockets[0], F_SETFL, O_NONBLOCK) == 0);
    char byte = 0;
    CHECK(end_of([&] { return read(sockets[0], &byte, 1); }) == failed(EAGAIN));
    CHECK(end_of([&] { return recv(sockets[0], &byte, 1, 0); }) == failed(EAGAIN));
    CHECK(end_of([&] { return recv(sockets[1], &byte, 1, MSG_DONTWAIT); }) == failed(EAGAIN));
    CHECK(weft_tests::is_nonblocking_file(sockets[0]));
    CHECK_FALSE(weft_tests::is_nonblocking_file(sockets[1]));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: SO_RCVTIMEO ends a wait with EAGAIN, and not before its time") {
  run([] {
    weft_tests::stream_pair sockets;
    set_receive_timeout(sockets[0], 30);
    for (const bool is_recv : {true, false}) {
      char byte = 0;
      const auto began = weft::now();
      const call_end end = end_of(
          [&] { return is_recv ? recv(sockets[0], &byte, 1, 0) : read(sockets[0], &byte, 1); });
      CHECK(end == failed(EAGAIN));
      CHECK(weft::now() - began >= 30ms);
    }
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: several fibers read one socket, and each byte goes to one of them") {
  run([] {
    weft_tests::stream_pair sockets;
    std::string got;
    const auto reader = [&] { got += read_text(sockets[0], 1); };
    auto a = spawn(reader);
    auto b = spawn(reader);
    auto c = spawn(reader);
    weft::yield();
    REQUIRE(write(sockets[1], "x", 1) == 1);
    while (got.empty()) weft::await_sleep(1ms);
    CHECK(got == "x");
    CHECK((a.done() || b.done() || c.done()));
    REQUIRE(write(sockets[1], "yz", 2) == 2);
    a.get();
    b.get();
    c.get();
    CHECK(got.size() == 3);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: MSG_WAITALL waits for all, MSG_PEEK takes nothing") {
  run([] {
    weft_tests::stream_pair sockets;
    auto writer = spawn([&] {
      for (const char* const part : {"ab", "cd", "ef"}) {
        CHECK(write(sockets[1], part, 2) == 2);
        weft::await_sleep(2ms);
      }
    });
    char text[7] = {};
    CHECK(recv(sockets[0], text, 3, MSG_WAITALL | MSG_PEEK) == 3);
    CHECK(std::string(text) == "abc");
    CHECK(recv(sockets[0], text, 6, MSG_WAITALL) == 6);
    CHECK(std::string(text) == "abcdef");
    writer.get();
    // The end, or a timeout, in the middle tells what came before.
    auto late = spawn([&] {
      CHECK(write(sockets[1], "gh", 2) == 2);
      weft::await_sleep(2ms);
      sockets.close_one(1);
    });
    CHECK(recv(sockets[0], text, 6, MSG_WAITALL) == 2);
    late.get();
  });
}

TEST_CASE_FIXTURE(hooked, "hook: readv, recvmsg and recvmmsg park, and keep messages apart") {
  run([] {
    weft_tests::datagram_pair sockets;
    auto writer = spawn([&] {
      for (const char* const part : {"one", "two", "three", "four"}) {
        weft::await_sleep(1ms);
        CHECK(send(sockets[1], part, std::strlen(part), 0) > 0);
      }
    });
    char first[2] = {};
    char second[8] = {};
    iovec parts[2] = {{first, 1}, {second, 7}};
    CHECK(readv(sockets[0], parts, 2) == 3);
    CHECK(std::string(first) + second == "one");
    msghdr message{};
    message.msg_iov = parts;
    message.msg_iovlen = 2;
    CHECK(recvmsg(sockets[0], &message, 0) == 3);
    CHECK(std::string(first) + second == "two");
    char texts[2][8] = {};
    iovec each[2] = {{texts[0], 7}, {texts[1], 7}};
    mmsghdr both[2] = {};
    for (int i = 0; i < 2; ++i) {
      both[i].msg_hdr.msg_iov = &each[i];
      both[i].msg_hdr.msg_iovlen = 1;
    }
    CHECK(recvmmsg(sockets[0], both, 2, 0, nullptr) == 2);
    CHECK(std::string(texts[0]) + texts[1] == "threefour");
    CHECK(both[0].msg_len == 5);
    writer.get();
    REQUIRE(send(sockets[1], "five", 4, 0) == 4);
    CHECK(recvmmsg(sockets[0], both, 2, MSG_WAITFORONE, nullptr) == 1);
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: what knows no RWF_NOWAIT parks as well: a terminal, inotify, a timer") {
  run([] {
    const int master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    REQUIRE(master >= 0);
    REQUIRE((grantpt(master) == 0 && unlockpt(master) == 0));
    const int terminal = ::open(ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    const int notes = inotify_init1(IN_CLOEXEC);
    REQUIRE(inotify_add_watch(notes, "/tmp", IN_CREATE | IN_DELETE) >= 0);
    const int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    auto from_terminal = spawn([&] { CHECK(read_text(terminal) == "line\n"); });
    auto from_notes = spawn([&] {
      char memory[4096];
      CHECK(read(notes, memory, sizeof memory) > 0);
    });
    auto from_timer = spawn([&] {
      std::uint64_t count = 0;
      CHECK(read(timer, &count, sizeof count) == 8);
    });
    weft::yield();
    CHECK(write(master, "line\n", 5) == 5);
    from_terminal.get();
    char name[] = "/tmp/weft_hook_XXXXXX";
    const int made = mkstemp(name);
    from_notes.get();
    unlink(name);
    itimerspec soon{};
    soon.it_value.tv_nsec = 1'000'000;
    timerfd_settime(timer, 0, &soon, nullptr);
    from_timer.get();
    for (const int fd : {master, terminal, notes, timer, made}) close(fd);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: errors are the kernel's own") {
  run([] {
    char byte = 0;
    CHECK(end_of([&] { return read(-1, &byte, 1); }) == failed(EBADF));
    CHECK(end_of([&] { return recv(-1, &byte, 1, 0); }) == failed(EBADF));
    weft_tests::pipe_pair pipe;
    CHECK(end_of([&] { return recv(pipe[0], &byte, 1, 0); }) == failed(ENOTSOCK));
    CHECK(end_of([&] { return read(pipe[1], &byte, 1); }) == failed(EBADF));
    const int folder = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(end_of([&] { return read(folder, &byte, 1); }) == failed(EISDIR));
    close(folder);
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a fiber that always finds data lets others run") {
  run([] {
    weft_tests::pipe_pair pipe;
    bool is_over = false;
    int turns = 0;
    auto other = spawn([&] {
      while (!is_over) {
        ++turns;
        weft::yield();
      }
    });
    char byte = 0;
    for (int i = 0; i < 1000; ++i) {
      REQUIRE(write(pipe[1], "x", 1) == 1);
      REQUIRE(read(pipe[0], &byte, 1) == 1);
    }
    CHECK(turns >= 10);
    is_over = true;
    other.get();
  });
}
