// SPDX-License-Identifier: BSL-1.0
// Reads and writes that never wait: they say so, and lose nothing for those that do.
#include <cerrno>
#include <ostream>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

#include "io/connected.hpp"
#include "io/errors_of.hpp"
#include "support/no_leaks.hpp"
#include "weft/pipe.hpp"
#include "weft/spawn.hpp"
#include "weft/tcp.hpp"

using weft::file_descriptor;
using weft::spawn;
using weft_tests::code_of;
using weft_tests::no_leaks;

namespace {

// Until there is no room: how many bytes that were.
std::size_t fill(file_descriptor& to) {
  const std::string block(10'000, 'x');
  std::size_t all = 0;
  while (const auto some = to.try_write_some(block.data(), block.size())) all += *some;
  return all;
}

// What is there, without a wait.
std::size_t drain(file_descriptor& from) {
  char block[10'000];
  std::size_t all = 0;
  while (const auto some = from.try_read_some(block, sizeof block)) all += *some;
  return all;
}

void check_both_ways(file_descriptor& from, file_descriptor& to) {
  char block[8];
  std::error_code error;
  CHECK_FALSE(from.try_read_some(block, sizeof block).has_value());
  CHECK(from.try_read_some(block, sizeof block, error) == 0);
  CHECK(error == std::errc::operation_would_block);
  CHECK(to.try_write_some("abc", 3) == 3);
  CHECK(from.try_read_some(block, sizeof block) == 3);

  // Not told by epoll yet, and there all the same.
  auto waits = spawn([&] { return from.read_some(block, sizeof block); });
  weft::yield();
  to.write_all("de");
  CHECK(from.try_read_some(block, 1, error) == 1);
  CHECK_FALSE(error);
  CHECK(waits.get() == 1);

  const std::size_t sent = fill(to);
  CHECK(sent > 0);
  CHECK(to.try_write_some("x", 1, error) == 0);
  CHECK(error == std::errc::operation_would_block);
  auto writes = spawn([&] { to.write_all("y"); });
  weft::yield();
  std::size_t came = 0;
  while (came < sent + 1) {  // TCP delivers a little later
    came += drain(from);
    weft::yield();
  }
  writes.get();
  CHECK(came == sent + 1);

  to.close();
  while (!from.try_read_some(block, sizeof block, error) && error) weft::yield();
  CHECK(from.try_read_some(block, sizeof block) == 0);  // the end
  CHECK(to.try_read_some(block, 0, error) == 0);
  CHECK(error.value() == EBADF);
  CHECK(code_of([&] { to.try_write_some("x", 1); }) == EBADF);
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "TCP can be tried without a wait") {
  run([] {
    auto listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    weft_tests::tcp_connection both(listener);
    check_both_ways(both.far, both.near);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a pipe can be tried without a wait") {
  run([] {
    auto ends = weft::make_pipe();
    check_both_ways(ends.reader, ends.writer);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a try on a plain thread does not block it") {
  auto ends = weft::make_pipe();
  char byte = 0;
  CHECK_FALSE(ends.reader.try_read_some(&byte, 1).has_value());
  CHECK(ends.writer.try_write_some("x", 1) == 1);
  CHECK(ends.reader.try_read_some(&byte, 1) == 1);
  CHECK(byte == 'x');
  ends.reader.close();
  CHECK(code_of([&] { ends.writer.try_write_some("x", 1); }) == EPIPE);
}

TEST_CASE_FIXTURE(no_leaks, "a try does not let the other fibers run") {
  run([] {
    auto ends = weft::make_pipe();
    bool has_run = false;
    auto other = spawn([&] { has_run = true; });
    char byte = 0;
    for (int i = 0; i < 1000; ++i) {
      CHECK(ends.writer.try_write_some("x", 1) == 1);
      CHECK(ends.reader.try_read_some(&byte, 1) == 1);
    }
    CHECK_FALSE(has_run);
    other.get();
  });
}
