// SPDX-License-Identifier: BSL-1.0
// Several pieces of memory in one call: in order, whatever the pieces and wherever a call stops.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <ostream>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "io/errors_of.hpp"
#include "io/parts_cursor.hpp"
#include "support/no_leaks.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/local_socket.hpp"
#include "weft/pipe.hpp"
#include "weft/spawn.hpp"
#include "weft/tcp.hpp"

using namespace std::chrono_literals;
using weft::file_descriptor;
using weft::io_slice;
using weft::io_space;
using weft::spawn;
using weft_tests::code_of;
using weft_tests::no_leaks;
using weft_tests::on_virtual_time;

namespace {

std::string letters(std::size_t bytes) {
  std::string made(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) made[i] = static_cast<char>('a' + (i * 7 + i / 251) % 26);
  return made;
}

// `count` pieces of the text, among them empty ones, and more than a pipe or a socket takes at
// once.
template <class Part, class Text>
std::vector<Part> cut(Text& text, std::size_t count) {
  std::vector<Part> parts;
  std::size_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t share = i + 1 == count ? text.size() - at
                              : i % 3 == 0   ? 0
                                             : std::min(text.size() - at, i * 37 % 1000);
    parts.push_back(Part(text.data() + at, share));
    at += share;
  }
  return parts;
}

// Writes pieces into one end while the other one reads into pieces.
void check_transfer(file_descriptor& from, file_descriptor& to) {
  constexpr std::size_t sizes[] = {1, 2, 65, 1024, 3000};
  for (const std::size_t written : sizes) {
    const std::string text = letters(700'000);
    const auto out = cut<io_slice>(text, written);
    std::string came(text.size(), '\0');
    const auto in = cut<io_space>(came, 3001 - written);
    std::size_t read = 0;
    std::size_t gone = 0;
    auto reads = spawn([&] { from.read_exactly(in.data(), in.size(), &read); });
    to.write_all(out.data(), out.size(), &gone);
    reads.get();
    CHECK(read == text.size());
    CHECK(gone == text.size());
    CHECK(came == text);
  }
}

}  // namespace

TEST_CASE("a cursor goes over pieces in any steps, and hands out each byte once") {
  const std::string text = letters(500);
  const std::vector<io_slice> parts = {
      "", {text.data(), 100}, "", {text.data() + 100, 1}, {text.data() + 101, 399}, ""};
  for (std::size_t step = 1; step <= text.size(); ++step) {
    weft::detail::parts_cursor<io_slice> cursor(parts.data(), parts.size());
    std::string all;
    for (auto next = cursor.next(); next.count != 0; next = cursor.next()) {
      std::string whole;
      for (std::size_t i = 0; i < next.count; ++i) {
        whole.append(static_cast<const char*>(next.parts[i].data), next.parts[i].size);
      }
      REQUIRE(whole.size() == next.bytes);
      REQUIRE(whole == text.substr(all.size()));
      const std::size_t some = std::min(step, whole.size());
      all.append(whole, 0, some);
      cursor.advance(some);
    }
    REQUIRE(all == text);
  }
}

TEST_CASE("no call gets more pieces than the system takes, and one of empty pieces is over") {
  using cursor = weft::detail::parts_cursor<io_slice>;
  const std::vector<io_slice> many(5000, io_slice("x"));
  CHECK(cursor(many.data(), many.size()).next().count == 1024);
  CHECK(cursor(many.data(), 0).next().count == 0);
  std::vector<io_slice> empty(5000);
  CHECK(cursor(empty.data(), empty.size()).next().count == 0);
  empty.back() = "x";
  CHECK(cursor(empty.data(), empty.size()).next().bytes == 1);
}

TEST_CASE_FIXTURE(no_leaks, "pieces go through a Unix socket in order") {
  run([] {
    auto [a, b] = weft::unix_stream::pair();
    check_transfer(b, a);
  });
}

TEST_CASE_FIXTURE(no_leaks, "pieces go through TCP in order") {
  run([] {
    auto listener = weft::tcp_listener::bind(weft::endpoint::loopback_ipv4(0));
    auto taken = spawn([&] { return listener.accept(); });
    auto near = weft::tcp_stream::connect(listener.local_endpoint());
    auto far = taken.get();
    near.set_send_buffer(8 * 1024);  // writes stop in the middle
    check_transfer(far, near);
  });
}

TEST_CASE_FIXTURE(no_leaks, "pieces go through a pipe in order, and SIGPIPE does not come") {
  run([] {
    auto ends = weft::make_pipe();
    check_transfer(ends.reader, ends.writer);
    ends.reader.close();
    CHECK(code_of([&] { ends.writer.write_some({"x", "y"}); }) == EPIPE);
    sigset_t pending;
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGPIPE) == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "a regular file takes and gives pieces") {
  run([] {
    char name[] = "/tmp/weft_parts_XXXXXX";
    file_descriptor file(::mkstemp(name));
    ::unlink(name);
    file.write_all({"one ", "", "two ", "three"});
    REQUIRE(::lseek(file.native_handle(), 0, SEEK_SET) == 0);
    char one[4];
    std::string rest(9, '\0');
    file.read_exactly({one, rest});
    CHECK(std::string(one, 4) + rest == "one two three");
    CHECK(file.read_some({one, rest}) == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "some bytes may end in the middle of a piece") {
  run([] {
    auto [a, b] = weft::unix_stream::pair();
    struct {
      std::uint32_t first = 0;
      std::uint32_t second[2] = {};
    } in;
    const std::uint32_t out[] = {1, 2, 3};
    CHECK(a.write_some({{&out[0], 4}, {&out[1], 6}}) == 10);
    CHECK(b.read_some({{&in.first, sizeof in.first}, in.second}) == 10);
    CHECK(in.first == 1);
    CHECK(in.second[0] == 2);
    const std::vector<io_slice> nothing(3);
    CHECK(a.write_some(nothing.data(), nothing.size()) == 0);
    CHECK(a.write_some(nothing.data(), 0) == 0);
    a.close();
    CHECK(b.read_some({{&in.first, sizeof in.first}, in.second}) == 0);
    std::error_code error;
    const io_space place(&in, sizeof in);
    CHECK(b.read_some(&place, 1, error) == 0);
    CHECK_FALSE(error);
    const io_slice text("x");
    CHECK(b.write_some(&text, 1, error) == 0);
    CHECK(error.value() == EPIPE);
    CHECK(code_of([from = &a] { from->write_some({"", ""}); }) == EBADF);
    CHECK(code_of([from = &a] { from->read_some({io_space()}); }) == EBADF);
  });
}

TEST_CASE("sem 22: a cancel between pieces counts what came and what went") {
  on_virtual_time().run([] {
    auto [a, b] = weft::unix_stream::pair();
    char one[4];
    char two[6];
    std::size_t done = 99;
    a.write_all("abcde");
    CHECK_THROWS_AS(weft::with_timeout(1s,
                                       [&, from = &b] {
                                         from->read_exactly({one, two}, &done);
                                       }),
                    weft::timeout_error);
    CHECK(done == 5);
    CHECK(std::string(one, 4) + two[0] == "abcde");

    const std::string much = letters(2'000'000);
    const auto parts = cut<io_slice>(much, 2000);
    CHECK_THROWS_AS(
        weft::with_timeout(1s, [&, to = &a] { to->write_all(parts.data(), parts.size(), &done); }),
        weft::timeout_error);
    CHECK(done > 0);
    CHECK(done < much.size());
    a.close();
    std::string came(done, '\0');
    b.read_exactly(came.data(), came.size());
    CHECK(came == much.substr(0, done));
    char more;
    CHECK(b.read_some(&more, 1) == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks, "an end between pieces tells how much there was") {
  run([] {
    auto [a, b] = weft::unix_stream::pair();
    a.write_all("abc");
    a.close();
    char one[2];
    char two[2];
    try {
      b.read_exactly({one, two});
      FAIL("the stream has ended");
    } catch (const weft::end_of_stream& e) {
      CHECK(e.bytes() == 3);
    }
    b.read_exactly({io_space()});
  });
}
