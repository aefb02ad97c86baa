// SPDX-License-Identifier: BSL-1.0
// Waiting for the end of a peer, beside those who read and write.
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <ostream>
#include <string>
#include <thread>

#include <doctest/doctest.h>

#include "io/connected.hpp"
#include "io/errors_of.hpp"
#include "support/no_leaks.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/local_socket.hpp"
#include "weft/pipe.hpp"
#include "weft/race.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::code_of;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;
using weft_tests::tcp_connection;

TEST_CASE_FIXTURE(no_leaks, "a peer that closes, half-closes or resets has hung up; data has not") {
  run([] {
    auto listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    for (int how = 0; how < 3; ++how) {
      tcp_connection both(listener);
      auto waits = spawn([&] { both.far.wait_hangup(); });
      weft::yield();
      char block[8];
      for (int i = 0; i < 3; ++i) {
        both.near.write_all("data");
        both.far.read_exactly(block, 4);
        both.far.write_all("answer");
      }
      weft::yield();
      CHECK_FALSE(waits.done());
      both.near.write_all("last");
      if (how == 0) both.near.close();
      if (how == 1) both.near.shutdown_write();
      if (how == 2) both.near.abort();
      waits.get();
      both.far.wait_hangup();  // and again, at once
      if (how == 1) {
        both.far.read_exactly(block, 4);
        CHECK(both.far.read_some(block, sizeof block) == 0);
      }
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "a hangup, a read and a write are waited for at once, and each ends") {
  run([] {
    auto [a, b] = weft::unix_stream::pair();
    auto hangup = spawn([from = &b] { from->wait_hangup(); });
    auto reads = spawn([from = &b] {
      char byte = 0;
      return from->read_some(&byte, 1);
    });
    const std::string much(2'000'000, 'x');
    auto writes = spawn([&, to = &b] { return code_of([&] { to->write_all(much); }); });
    weft::yield();
    CHECK(code_of([from = &b] { from->wait_hangup(); }) == EEXIST);
    a.write_all("x");
    CHECK(reads.get() == 1);
    CHECK_FALSE(hangup.done());
    CHECK_FALSE(writes.done());
    a.close();
    hangup.get();
    const int code = writes.get();
    CHECK((code == EPIPE || code == ECONNRESET));
  });
}

TEST_CASE_FIXTURE(no_leaks, "H26: close() ends a wait for a hangup with EBADF") {
  run([] {
    auto [a, b] = weft::unix_stream::pair();
    auto waits = spawn([from = &b] { return code_of([&] { from->wait_hangup(); }); });
    weft::yield();
    b.close();
    CHECK(waits.get() == EBADF);
    CHECK(code_of([from = &b] { from->wait_hangup(); }) == EBADF);
  });
}

TEST_CASE("a wait for a hangup is cancelled, and the next one is whole") {
  on_virtual_time().run([] {
    auto [a, b] = weft::unix_stream::pair();
    CHECK_FALSE(weft::move_on_after(1s, [from = &b] { from->wait_hangup(); }));
    auto waits = spawn([from = &b] { from->wait_hangup(); });
    weft::yield();
    a.close();
    waits.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "a pipe's ends see each other go") {
  run([] {
    auto first = weft::make_pipe();
    auto waits = spawn([&] { first.writer.wait_hangup(); });
    weft::yield();
    CHECK_FALSE(waits.done());
    first.reader.close();
    waits.get();
    auto second = weft::make_pipe();
    auto reader_waits = spawn([&] { second.reader.wait_hangup(); });
    weft::yield();
    second.writer.write_all("x");
    weft::yield();
    CHECK_FALSE(reader_waits.done());
    second.writer.close();
    reader_waits.get();
    char byte = 0;
    CHECK(second.reader.read_some(&byte, 1) == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "on a plain thread a wait for a hangup blocks that thread; a file has no peer") {
  auto [a, b] = weft::unix_stream::pair();
  std::thread other([to = &a] {
    to->write_all("x");
    to->close();
  });
  b.wait_hangup();
  other.join();
  run([] {
    weft::file_descriptor file(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    CHECK(code_of([&] { file.wait_hangup(); }) == EPERM);
  });
}
