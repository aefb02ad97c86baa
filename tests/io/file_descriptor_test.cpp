// SPDX-License-Identifier: BSL-1.0
// Reading and writing as if it blocked: nothing lost, nothing stuck, errors told.
#include "weft/file_descriptor.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "support/no_leaks.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/background_loop.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/local_socket.hpp"
#include "weft/pipe.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::file_descriptor;
using weft::spawn;
using weft::unix_stream;
using weft_tests::code_of;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

std::string read_to_end(file_descriptor& from, std::size_t at_a_time = 4096) {
  std::string all;
  std::string some(at_a_time, '\0');
  while (const std::size_t n = from.read_some(some.data(), some.size())) all.append(some, 0, n);
  return all;
}

std::string pattern(std::size_t bytes) {
  std::string made(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return made;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "megabytes go through a stream whole and in order, whatever the pieces") {
  run([] {
    const std::string all = pattern(3'000'000);
    constexpr std::size_t pieces[] = {1'000'000, 70'000, 4'096, 17};
    for (const std::size_t piece : pieces) {
      auto [a, b] = unix_stream::pair();
      auto writes = spawn([&, from = &a] {
        const std::size_t bytes = piece == 17 ? 50'000 : all.size();
        for (std::size_t at = 0; at < bytes; at += piece) {
          from->write_all(all.data() + at, std::min(piece, bytes - at));
        }
        from->shutdown_write();
      });
      const std::string came = read_to_end(b, piece);
      writes.get();
      CHECK(came == all.substr(0, came.size()));
      CHECK(came.size() == (piece == 17 ? 50'000 : all.size()));
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "a pipe's bytes and its end arrive, and SIGPIPE does not") {
  run([] {
    auto ends = weft::make_pipe();
    const std::string all = pattern(500'000);
    auto writes = spawn([&] {
      ends.writer.write_all(all);
      ends.writer.close();
    });
    CHECK(read_to_end(ends.reader) == all);
    writes.get();

    auto broken = weft::make_pipe();
    broken.reader.close();
    CHECK(code_of([&] { broken.writer.write_all("x"); }) == EPIPE);
    CHECK(code_of([&] { broken.writer.write_all({"x", "y"}); }) == EPIPE);
    sigset_t pending;
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE) == 0);

    auto [a, b] = unix_stream::pair();
    b.close();
    CHECK(code_of([from = &a] { from->write_all("x"); }) == EPIPE);
  });
}

TEST_CASE_FIXTURE(no_leaks, "data and end in one edge: the end is seen after the data") {
  run([] {
    for (int round = 0; round < 200; ++round) {
      auto [a, b] = unix_stream::pair();
      char block[64];
      auto reads = spawn([&, from = &b] {
        std::string all;
        while (const std::size_t n = from->read_some(block, sizeof block)) all.append(block, n);
        return all;
      });
      weft::yield();  // it waits: what follows is one event
      a.write_all("last words");
      if (round % 2 == 0) {
        a.shutdown_write();
      } else {
        a.close();
      }
      CHECK(reads.get() == "last words");
    }
  });
}

TEST_CASE_FIXTURE(
    no_leaks, "a read that stops short at passed descriptors is no proof that nothing is there") {
  run([] {
    auto [a, b] = unix_stream::pair();
    std::string all;
    auto reads = spawn([&, from = &b] {
      char block[100];
      while (all.size() < 6) all.append(block, from->read_some(block, sizeof block));
    });
    weft::yield();
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    iovec data{const_cast<char*>("abc"), 3};
    msghdr message{};
    message.msg_iov = &data;
    message.msg_iovlen = 1;
    message.msg_control = control;
    message.msg_controllen = sizeof control;
    cmsghdr* const rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sizeof(int));
    const int passed = 0;
    std::memcpy(CMSG_DATA(rights), &passed, sizeof passed);
    REQUIRE(::sendmsg(a.native_handle(), &message, 0) == 3);
    a.write_all("def");
    reads.get();
    CHECK(all == "abcdef");
  });
}

TEST_CASE_FIXTURE(no_leaks, "slices of any sizes are written in order") {
  run([] {
    const std::string large = pattern(700'000);
    std::vector<weft::io_slice> parts;
    std::string all;
    for (std::size_t i = 0; i < 300; ++i) {
      const std::size_t bytes = i % 50 == 0 ? 30'000 : i % 3 == 0 ? 0 : i;
      parts.push_back({large.data() + i, bytes});
      all.append(large, i, bytes);
    }
    auto [a, b] = unix_stream::pair();
    auto reads = spawn([from = &b] { return read_to_end(*from); });
    std::size_t done = 0;
    a.write_all(parts.data(), parts.size(), &done);
    CHECK(done == all.size());
    a.write_all({"one ", "", "two"});
    a.shutdown_write();
    CHECK(reads.get() == all + "one two");
  });
}

TEST_CASE("a cancel loses no byte: what came and went is counted") {
  on_virtual_time().run([] {
    auto [a, b] = unix_stream::pair();
    char block[10] = {};
    std::size_t done = 99;
    a.write_all("abc");
    CHECK_THROWS_AS(
        weft::with_timeout(1s, [&, from = &b] { from->read_exactly(block, 10, &done); }),
        weft::timeout_error);
    CHECK(done == 3);
    a.write_all("defg");
    b.read_exactly(block + done, 4);
    CHECK(std::string(block, 7) == "abcdefg");

    const std::string much = pattern(2'000'000);
    CHECK_THROWS_AS(weft::with_timeout(1s, [&, to = &a] { to->write_all(much, &done); }),
                    weft::timeout_error);
    CHECK(done > 0);
    CHECK(done < much.size());
    a.close();
    CHECK(read_to_end(b) == much.substr(0, done));
  });
}

TEST_CASE_FIXTURE(no_leaks, "read_exactly tells how much there was before the end") {
  run([] {
    auto [a, b] = unix_stream::pair();
    a.write_all("abc");
    a.close();
    char block[10];
    try {
      b.read_exactly(block, 10);
      FAIL("the stream has ended");
    } catch (const weft::end_of_stream& e) {
      CHECK(e.bytes() == 3);
    }
    CHECK(b.read_some(block, 10) == 0);  // and again
    b.read_exactly(block, 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H26: close() ends the waits of others with EBADF, in both directions") {
  run([] {
    auto [a, b] = unix_stream::pair();
    const std::string much = pattern(2'000'000);
    auto reads = spawn([from = &a] { return code_of([&] { read_to_end(*from); }); });
    auto writes = spawn([&, to = &a] { return code_of([&] { to->write_all(much); }); });
    weft::yield();
    a.close();
    CHECK(reads.get() == EBADF);
    CHECK(writes.get() == EBADF);
    a.close();
    CHECK_FALSE(a.is_open());
    char byte = 0;
    CHECK(code_of([&, from = &a] { from->read_some(&byte, 1); }) == EBADF);
    CHECK(code_of([&, from = &a] { from->read_some(&byte, 0); }) == EBADF);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "a second reader that has to wait gets EEXIST; the first one gets the data") {
  run([] {
    auto [a, b] = unix_stream::pair();
    char byte = 0;
    auto first = spawn([&, from = &b] { return from->read_some(&byte, 1); });
    weft::yield();
    char other = 0;
    std::error_code error;
    CHECK(b.read_some(&other, 1, error) == 0);
    CHECK(error.value() == EEXIST);
    a.write_all("x");
    CHECK(first.get() == 1);
    CHECK(byte == 'x');
  });
}

TEST_CASE_FIXTURE(no_leaks, "a fiber that is always served lets the others run") {
  run([] {
    auto [a, b] = unix_stream::pair();
    bool is_over = false;
    auto other = spawn([&] { is_over = true; });
    int rounds = 0;
    char byte = 'x';
    for (; !is_over && rounds < 10'000; ++rounds) {
      a.write_some(&byte, 1);
      b.read_some(&byte, 1);
    }
    CHECK(rounds < 200);
    other.get();
  });
}

TEST_CASE_FIXTURE(no_leaks, "a stream may be moved to another loop while nobody waits for it") {
  weft::background_loop other;
  run([&] {
    auto [a, b] = unix_stream::pair();
    char block[4] = {};
    auto reads = spawn([&, from = &b] { from->read_exactly(block, 4); });  // registers it here
    weft::yield();
    a.write_all("here");
    reads.get();
    auto there = other.ref().call([moved = std::move(b)]() mutable {
      char more[5] = {};
      moved.read_exactly(more, 5);
      moved.write_all("back");
      return std::string(more, 5);
    });
    a.write_all("there");
    CHECK(there.get() == "there");
    a.read_exactly(block, 4);
    CHECK(std::string(block, 4) == "back");
  });
}

TEST_CASE_FIXTURE(no_leaks, "on a plain thread a stream blocks that thread") {
  auto [a, b] = unix_stream::pair();
  const std::string all = pattern(1'000'000);
  std::thread writer([&, to = &a] {
    to->write_all(all);
    to->close();
  });
  CHECK(read_to_end(b) == all);
  writer.join();
}

TEST_CASE_FIXTURE(no_leaks, "a regular file is read and written without a wait") {
  run([] {
    char name[] = "/tmp/weft_file_XXXXXX";
    file_descriptor file(::mkstemp(name));
    ::unlink(name);
    file.write_all("content");
    REQUIRE(::lseek(file.native_handle(), 0, SEEK_SET) == 0);
    CHECK(read_to_end(file) == "content");
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "what is no open descriptor cannot be taken over; release() gives one back") {
  CHECK(code_of([] { file_descriptor none(-1); }) == EBADF);
  CHECK(code_of([] { file_descriptor none(1'000'000); }) == EBADF);
  CHECK(code_of([] { weft::stream_socket none(1'000'000); }) == EBADF);
  auto ends = weft::make_pipe();
  CHECK(code_of([&] { weft::stream_socket none(ends.reader.native_handle()); }) == ENOTSOCK);
  CHECK(ends.reader.is_open());
  const int number = ends.reader.release();
  CHECK_FALSE(ends.reader.is_open());
  CHECK((::fcntl(number, F_GETFD) & FD_CLOEXEC) != 0);
  ::close(number);
}
