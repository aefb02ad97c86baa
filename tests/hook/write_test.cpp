// SPDX-License-Identifier: BSL-1.0
// write, send and their like in fibers: a blocking write to a stream writes all.
#include <chrono>
#include <csignal>
#include <string>

#include <sys/uio.h>

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

constexpr std::size_t much = 3'000'000;  // more than any socket or pipe takes at once

std::string pattern() {
  std::string text(much, '\0');
  for (std::size_t i = 0; i < much; ++i) text[i] = static_cast<char>(i % 251);
  return text;
}

// Reads to the end, a little at a time.
std::string read_all(int fd) {
  std::string all;
  std::string part(10'000, '\0');
  for (;;) {
    const ssize_t got = read(fd, part.data(), part.size());
    if (got <= 0) return all;
    all.append(part, 0, static_cast<std::size_t>(got));
  }
}

}  // namespace

TEST_CASE_FIXTURE(hooked,
                  "hook: a blocking write to a socket or a pipe returns when all is written") {
  const std::string text = pattern();
  run([&] {
    for (const bool is_pipe : {false, true}) {
      weft_tests::descriptor_pair ends;
      if (is_pipe) {
        REQUIRE(pipe2(ends.fd, O_CLOEXEC) == 0);
      } else {
        REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.fd) == 0);
      }
      std::string got;
      auto reader = spawn([&] { got = read_all(ends[0]); });
      CHECK(write(ends[1], text.data(), much) == much);
      ends.close_one(1);
      reader.get();
      CHECK(got == text);
    }
  });
}

TEST_CASE_FIXTURE(hooked, "hook: send, sendmsg and writev of several parts write all of each") {
  const std::string text = pattern();
  run([&] {
    for (int kind = 0; kind < 3; ++kind) {
      weft_tests::stream_pair ends;
      std::string got;
      auto reader = spawn([&] { got = read_all(ends[0]); });
      auto* const at = const_cast<char*>(text.data());
      iovec parts[4] = {
          {at, 1'000'001}, {at, 0}, {at + 1'000'001, 999}, {at + 1'001'000, 1'999'000}};
      msghdr message{};
      message.msg_iov = parts;
      message.msg_iovlen = 4;
      const ssize_t written = kind == 0   ? send(ends[1], at, much, 0)
                              : kind == 1 ? sendmsg(ends[1], &message, 0)
                                          : writev(ends[1], parts, 4);
      CHECK(written == much);
      ends.close_one(1);
      reader.get();
      CHECK(got == text);
    }
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: SO_SNDTIMEO ends a write with what was written, then with EAGAIN") {
  const std::string text = pattern();
  run([&] {
    weft_tests::stream_pair ends;
    timeval span{};
    span.tv_usec = 20'000;
    REQUIRE(setsockopt(ends[1], SOL_SOCKET, SO_SNDTIMEO, &span, sizeof span) == 0);
    const ssize_t first = write(ends[1], text.data(), much);
    CHECK((first > 0 && first < static_cast<ssize_t>(much)));
    CHECK(end_of([&] { return write(ends[1], text.data(), much); }) == failed(EAGAIN));
    CHECK(end_of([&] { return send(ends[1], text.data(), much, 0); }) == failed(EAGAIN));
  });
}

TEST_CASE_FIXTURE(hooked,
                  "hook: a peer that goes ends a write: first what was written, then EPIPE") {
  const std::string text = pattern();
  run([&] {
    weft_tests::stream_pair ends;
    auto peer = spawn([&] {
      weft::await_sleep(2ms);
      ends.close_one(0);
    });
    const ssize_t first = send(ends[1], text.data(), much, MSG_NOSIGNAL);
    CHECK((first > 0 && first < static_cast<ssize_t>(much)));
    peer.get();
    CHECK(end_of([&] { return send(ends[1], "x", 1, MSG_NOSIGNAL); }) == failed(EPIPE));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: what the program set non-blocking tells how much went in") {
  const std::string text = pattern();
  run([&] {
    weft_tests::stream_pair ends;
    REQUIRE(fcntl(ends[1], F_SETFL, O_NONBLOCK) == 0);
    const ssize_t first = write(ends[1], text.data(), much);
    CHECK((first > 0 && first < static_cast<ssize_t>(much)));
    CHECK(end_of([&] { return send(ends[1], "x", 1, 0); }) == failed(EAGAIN));
  });
}

TEST_CASE_FIXTURE(hooked, "hook: a datagram is sent whole, and sendmmsg parks between them") {
  run([] {
    weft_tests::datagram_pair ends;
    std::string got;
    constexpr int count = 400;  // more than the queue of a local datagram socket takes
    auto reader = spawn([&] {
      char part[16];
      for (int i = 0; i < count; ++i) {
        const ssize_t bytes = recv(ends[0], part, sizeof part, 0);
        got.append(part, static_cast<std::size_t>(bytes));
      }
    });
    char letter = 'd';
    iovec part{&letter, 1};
    std::vector<mmsghdr> all(count);
    for (mmsghdr& one : all) {
      one.msg_hdr.msg_iov = &part;
      one.msg_hdr.msg_iovlen = 1;
    }
    CHECK(sendmmsg(ends[1], all.data(), count, 0) == count);
    reader.get();
    CHECK(got == std::string(count, 'd'));
  });
}
