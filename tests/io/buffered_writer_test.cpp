// SPDX-License-Identifier: BSL-1.0
// buffered_writer: what is sent and when, partial writes, errors that keep what is unsent, and the
// report of bytes that nobody sent. Waiting and cancelling: buffered_wait_test.cpp.
#include <algorithm>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>

#include <doctest/doctest.h>

#include "io/memory_streams.hpp"
#include "support/capture_reports.hpp"
#include "weft/buffered.hpp"
#include "weft/errors.hpp"

using weft::buffered_writer;
using weft_tests::capture_reports;
using weft_tests::no_limit;
using weft_tests::sink;

namespace {

static_assert(weft::detail::has_write_some<sink>::value);
static_assert(!weft::detail::has_write_some<weft_tests::source>::value);

std::string counted_text(std::size_t size) {
  std::string text;
  for (std::size_t i = 0; i < size; ++i) text += static_cast<char>('a' + i % 26);
  return text;
}

// Destroys a writer with unsent bytes while it is itself destroyed.
struct writes_when_destroyed {
  ~writes_when_destroyed() {
    sink to;
    buffered_writer<sink> writer(to);
    writer.write("in a destructor");
  }
};

}  // namespace

TEST_CASE("buffered_writer: sends in order whatever the sizes, by writers of one byte as well") {
  const std::string text = counted_text(100);
  for (const std::size_t capacity : {1U, 2U, 7U, 64U, 1000U}) {
    for (const std::size_t at_most : {std::size_t{1}, std::size_t{3}, no_limit}) {
      for (std::size_t step = 1; step <= text.size(); ++step) {
        sink to;
        to.at_most = at_most;
        buffered_writer<sink> writer(to, capacity);
        for (std::size_t at = 0; at < text.size(); at += step) {
          writer.write(text.substr(at, step));
          REQUIRE(writer.buffered() <= capacity);
          REQUIRE(to.got.size() + writer.buffered() == std::min(at + step, text.size()));
        }
        writer.flush();
        REQUIRE(to.got == text);
        REQUIRE(writer.buffered() == 0);
      }
    }
  }
}

TEST_CASE("buffered_writer: many small writes become few large ones") {
  sink to;
  buffered_writer<sink> writer(to, 10);
  for (int i = 0; i < 30; ++i) writer.put('x');
  CHECK(to.calls == 2);
  writer.flush();
  CHECK(to.calls == 3);
  writer.flush();
  writer.write("");
  CHECK(to.calls == 3);
  CHECK(to.got == std::string(30, 'x'));
}

TEST_CASE("buffered_writer: what is larger than the buffer goes past it, after what was before") {
  sink to;
  buffered_writer<sink> writer(to, 10);
  const std::string large = counted_text(35);
  writer.write(large);
  CHECK(to.last_from == large.data());
  CHECK(to.calls == 1);
  writer.write("1234");
  writer.write(large);
  CHECK(to.last_from == large.data() + 6);  // six filled the buffer up
  CHECK(to.got == large + "1234" + large);
  CHECK(writer.buffered() == 0);
}

TEST_CASE("buffered_writer: an error at any byte keeps what is unsent, and flush goes on with it") {
  const std::string text = counted_text(60);
  for (const std::size_t capacity : {1U, 8U, 100U}) {
    for (const std::size_t step : {1U, 5U, 9U, 60U}) {
      for (std::size_t fails_after = 0; fails_after < text.size(); ++fails_after) {
        sink to;
        to.fails_after = fails_after;
        to.at_most = 4;
        buffered_writer<sink> writer(to, capacity);
        std::size_t taken = 0;
        while (taken < text.size() && writer.buffered() <= capacity) {
          try {
            writer.write(text.substr(taken, step));
          } catch (const std::system_error& error) {
            REQUIRE(error.code().value() == EPIPE);
            REQUIRE(to.got.size() == fails_after);
          }
          taken = std::min(taken + step, text.size());
          REQUIRE(to.got.size() + writer.buffered() == taken);
        }
        REQUIRE_THROWS_AS(writer.flush(), std::system_error);
        REQUIRE(to.got == text.substr(0, fails_after));
        REQUIRE(writer.buffered() == taken - fails_after);
        to.fails_after = no_limit;
        writer.flush();
        REQUIRE(to.got == text.substr(0, taken));
      }
    }
  }
}

TEST_CASE(
    "buffered_writer: whoever goes on writing after errors is stopped, not buffered for ever") {
  sink to;
  to.fails_after = 3;
  buffered_writer<sink> writer(to, 10);
  CHECK_THROWS_AS(writer.write(counted_text(30)), std::system_error);
  CHECK(writer.buffered() == 27);  // the capacity and one write, at most
  for (int i = 0; i < 3; ++i) {
    CHECK_THROWS_WITH_AS(writer.write("more"),
                         "weft: 27 bytes are unsent since a write to the stream failed: flush() or "
                         "discard() them before you write more",
                         weft::limit_exceeded);
    CHECK_FALSE(writer.try_write("more"));
  }
  CHECK(writer.buffered() == 27);
  writer.write("");
  to.fails_after = no_limit;
  writer.flush();
  writer.write("more");
  writer.flush();
  CHECK(to.got == counted_text(30) + "more");
}

TEST_CASE("buffered_writer: try_write takes what fits, all or nothing, and sends nothing") {
  sink to;
  buffered_writer<sink> writer(to, 10);
  CHECK(writer.try_write("12345"));
  CHECK_FALSE(writer.try_write("123456"));
  CHECK(writer.try_write("67890"));
  CHECK(writer.try_write(""));
  CHECK_FALSE(writer.try_write("x"));
  CHECK(to.calls == 0);
  writer.flush();
  CHECK(to.got == "1234567890");
  CHECK(writer.try_write("x"));
  CHECK(writer.discard() == 1);
}

TEST_CASE("buffered_writer: the destructor sends nothing and reports what is unsent, once") {
  const capture_reports reports;
  sink to;
  {
    buffered_writer<sink> writer(to);
    writer.write("twelve bytes");
  }
  CHECK(to.got.empty());
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0] ==
        "weft: a buffered_writer was destroyed with 12 bytes unsent; flush() them, or discard() "
        "what nobody is to get");
}

TEST_CASE("buffered_writer: the destructor is silent after flush, after discard, and on an error") {
  const capture_reports reports;
  sink to;
  {
    buffered_writer<sink> unused(to);
    buffered_writer<sink> flushed(to);
    flushed.write("sent");
    flushed.flush();
    buffered_writer<sink> discarded(to);
    discarded.write("not sent");
    CHECK(discarded.discard() == 8);
    CHECK(discarded.buffered() == 0);
    CHECK(discarded.discard() == 0);
  }
  to.fails_after = 0;
  CHECK_THROWS_AS(
      [&] {
        buffered_writer<sink> writer(to);
        writer.write("never sent");
        writer.flush();
      }(),
      std::system_error);
  CHECK(reports.texts().empty());
  CHECK(to.got == "sent");
}

TEST_CASE("buffered_writer: one that was made during an unwinding reports as ever") {
  const capture_reports reports;
  try {
    const writes_when_destroyed writes;
    throw std::runtime_error("on the way out");
  } catch (const std::runtime_error&) {
  }
  CHECK(reports.texts().size() == 1);
}

TEST_CASE("buffered_writer: refuses what cannot work") {
  sink to;
  CHECK_THROWS_WITH_AS(
      buffered_writer<sink>(to, 0),
      "weft: a buffered_writer was made with a capacity of 0; it needs at least 1 byte",
      std::logic_error);

  struct idler {  // a flush would never end
    std::size_t write_some(const void*, std::size_t) { return 0; }
  } idle;
  buffered_writer<idler> writer(idle);
  writer.write("text");
  CHECK_THROWS_WITH_AS(writer.flush(), "weft: a stream's write_some() returned 0 for 4 bytes",
                       std::logic_error);
  CHECK(writer.discard() == 4);
}
