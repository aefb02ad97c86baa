// SPDX-License-Identifier: BSL-1.0
// H26: a number that is closed, or comes to mean something else, while fibers wait for it.
#include <atomic>
#include <chrono>
#include <cstdio>
#include <string>
#include <thread>

#include <poll.h>

#include <doctest/doctest.h>

#include "hook/hooked.hpp"
#include "weft/background_loop.hpp"
#include "weft/future.hpp"
#include "weft/loop_ref.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::call_end;
using weft_tests::end_of;
using weft_tests::failed;
using weft_tests::gave;
using weft_tests::hooked;

TEST_CASE_FIXTURE(hooked, "H26: close() ends waits of every kind for that number, with EBADF") {
  run([] {
    weft_tests::stream_pair sockets;
    char byte = 0;
    call_end ends[3];
    pollfd one{sockets[0], POLLIN, 0};
    auto reader = spawn([&] { ends[0] = end_of([&] { return read(sockets[0], &byte, 1); }); });
    auto receiver = spawn([&] { ends[1] = end_of([&] { return recv(sockets[0], &byte, 1, 0); }); });
    auto poller = spawn([&] { ends[2] = end_of([&] { return poll(&one, 1, -1); }); });
    weft::yield();
    sockets.close_one(0);
    reader.get();
    receiver.get();
    poller.get();
    CHECK(ends[0] == failed(EBADF));
    CHECK(ends[1] == failed(EBADF));
    CHECK(ends[2] == gave(1));
    CHECK(one.revents == POLLNVAL);
  });
}

TEST_CASE_FIXTURE(hooked, "H26: who takes the number over is not disturbed by who waited before") {
  run([] {
    for (int round = 0; round < 100; ++round) {
      weft_tests::stream_pair old;
      weft_tests::stream_pair fresh;
      char byte = 0;
      call_end end;
      auto reader = spawn([&] { end = end_of([&] { return read(old[0], &byte, 1); }); });
      weft::yield();
      // The number now is the other socket, which has data.
      REQUIRE(write(fresh[1], "x", 1) == 1);
      REQUIRE(dup2(fresh[0], old[0]) == old[0]);
      reader.get();
      CHECK(end == failed(EBADF));
      CHECK(weft_tests::read_text(old[0]) == "x");
    }
  });
}

TEST_CASE_FIXTURE(hooked, "H26: dup3, close_range and fclose wake who waits, too") {
  run([] {
    for (int kind = 0; kind < 3; ++kind) {
      weft_tests::stream_pair sockets;
      weft_tests::pipe_pair other;
      FILE* const stream = kind == 2 ? fdopen(dup(sockets[0]), "r") : nullptr;
      const int fd = stream != nullptr ? fileno(stream) : sockets[0];
      char byte = 0;
      call_end end;
      auto reader = spawn([&] { end = end_of([&] { return read(fd, &byte, 1); }); });
      weft::yield();
      if (kind == 0) REQUIRE(dup3(other[0], fd, O_CLOEXEC) == fd);
      if (kind == 1) {
        const auto number = static_cast<unsigned>(fd);
        if (close_range(number, number, 0) != 0) {  // Linux before 5.9
          CHECK(errno == ENOSYS);
          close(fd);
        }
        sockets.fd[0] = -1;
      }
      if (kind == 2) CHECK(fclose(stream) == 0);
      reader.get();
      CHECK(end == failed(EBADF));
    }
  });
}

TEST_CASE_FIXTURE(hooked,
                  "H26: a close from another thread wakes a fiber, from another loop as well") {
  run([] {
    for (const bool is_loop : {false, true}) {
      weft_tests::stream_pair sockets;
      char byte = 0;
      call_end end;
      auto reader = spawn([&] { end = end_of([&] { return read(sockets[0], &byte, 1); }); });
      weft::yield();
      if (is_loop) {
        weft::background_loop other;
        other.ref().call([&] { sockets.close_one(0); }).get();
      } else {
        std::thread([&] { sockets.close_one(0); }).join();
      }
      reader.get();
      CHECK(end == failed(EBADF));
    }
  });
}

TEST_CASE_FIXTURE(hooked,
                  "H26: a copy that is closed ends no wait for the number that stays open") {
  run([] {
    weft_tests::stream_pair sockets;
    const int copy = dup(sockets[0]);
    char byte = 0;
    auto reader = spawn([&] { CHECK(read(sockets[0], &byte, 1) == 1); });
    weft::yield();
    close(copy);
    weft::yield();
    CHECK_FALSE(reader.done());
    CHECK(write(sockets[1], "x", 1) == 1);
    reader.get();
    CHECK(end_of([&] { return close(copy); }) == failed(EBADF));
  });
}
