// SPDX-License-Identifier: BSL-1.0
// buffered_reader: every call, over every way in which a stream may cut a message; limits, ends and
// errors that lose nothing. Waiting and cancelling: buffered_wait_test.cpp.
#include "weft/buffered.hpp"

#include <cerrno>
#include <random>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <doctest/doctest.h>

#include "io/memory_streams.hpp"
#include "support/seed.hpp"
#include "weft/errors.hpp"

using weft::buffered_reader;
using weft_tests::no_limit;
using weft_tests::pieces_of;
using weft_tests::pieces_of_size;
using weft_tests::source;

namespace {

struct no_stream {};
struct posix_stream {  // an error would look like a large count
  long read_some(void* to, std::size_t size);
  long write_some(const void* from, std::size_t size);
};
static_assert(weft::detail::has_read_some<source>::value);
static_assert(weft::detail::has_read_some<buffered_reader<source>>::value);
static_assert(!weft::detail::has_read_some<no_stream>::value);
static_assert(!weft::detail::has_read_some<posix_stream>::value);
static_assert(!weft::detail::has_read_some<weft_tests::sink>::value);

constexpr std::size_t capacities[] = {1, 2, 3, 5, 8, 13, 16 * 1024};

template <class Reader>
std::string exactly(Reader& reader, std::size_t size) {
  std::string text(size, '?');
  reader.read_exactly(text.data(), size);
  return text;
}

// All that is left, by read_some() in steps of `step`.
template <class Reader>
std::string rest(Reader& reader, std::size_t step = 3) {
  std::string all;
  std::string some(step, '?');
  while (const std::size_t n = reader.read_some(some.data(), step)) all.append(some, 0, n);
  return all;
}

// A conversation with each kind of call, as text.
const std::string message =
    "POST / HTTP/1.1\r\nhost: weft\r\n\r\nbody\n\r\nlast--end--12345678901234567890rest";

// Takes up where a failed call left off, so that an error at any call must change nothing.
class conversation {
 public:
  explicit conversation(buffered_reader<source>& reader) : reader_(reader) {}

  // False once all is read.
  bool go_on() {
    switch (step_) {
      case 0:
        add(*reader_.read_line());
        break;
      case 1:
        add(reader_.read_until("\r\n\r\n"));
        break;
      case 2:
        add(exactly(reader_, 4));
        break;
      case 3:
        add(std::string(*reader_.next_line()));
        break;
      case 4:
        add(*reader_.read_line());
        break;
      case 5:
        add(std::string(reader_.peek_until("--end--")));
        break;
      case 6:
        reader_.consume(11);
        break;
      case 7:
        add(exactly(reader_, 20));
        break;
      case 8:
        add(reader_.read_all(4));
        break;
      default:
        return false;
    }
    ++step_;
    return true;
  }

  std::vector<std::string> heard;

 private:
  void add(std::string text) { heard.push_back(std::move(text)); }

  buffered_reader<source>& reader_;
  int step_ = 0;
};

const std::vector<std::string> answers = {"POST / HTTP/1.1", "host: weft\r\n\r\n",   "body", "", "",
                                          "last--end--",     "12345678901234567890", "rest"};

}  // namespace

TEST_CASE("buffered_reader: a last line without a newline is told apart from one that has it") {
  source from({"one\ntw", "o\r\nthr", "ee"});
  buffered_reader<source> reader(from);
  CHECK(reader.read_line() == "one");
  CHECK(reader.last_line_was_whole());
  CHECK(reader.next_line() == "two");
  CHECK(reader.last_line_was_whole());
  CHECK(reader.read_line() == "three");
  CHECK_FALSE(reader.last_line_was_whole());
  CHECK_FALSE(reader.read_line().has_value());
  CHECK_FALSE(reader.last_line_was_whole());
}

TEST_CASE("buffered_reader: where the stream cuts a message makes no difference") {
  for (const std::size_t capacity : capacities) {
    CAPTURE(capacity);
    for (std::size_t first = 0; first < message.size(); ++first) {
      for (std::size_t second = first; second < message.size(); ++second) {
        source from(pieces_of(message, {first, second}));
        buffered_reader<source> reader(from, capacity);
        conversation talk(reader);
        while (talk.go_on()) {
        }
        REQUIRE(talk.heard == answers);
        REQUIRE(reader.at_end());
      }
    }
    for (std::size_t size = 1; size < 10; ++size) {
      source from(pieces_of_size(message, size));
      buffered_reader<source> reader(from, capacity);
      conversation talk(reader);
      while (talk.go_on()) {
      }
      REQUIRE(talk.heard == answers);
    }
  }
}

TEST_CASE(
    "buffered_reader: a call that an error ended, made again, gives what it would have given") {
  for (const std::size_t capacity : capacities) {
    for (std::size_t size = 1; size < 10; ++size) {
      bool has_failed = true;
      for (std::size_t at = 0; has_failed; ++at) {
        CAPTURE(capacity);
        CAPTURE(size);
        CAPTURE(at);
        source from(pieces_of_size(message, size), at);
        buffered_reader<source> reader(from, capacity);
        conversation talk(reader);
        has_failed = false;
        for (bool goes_on = true; goes_on;) {
          try {
            goes_on = talk.go_on();
          } catch (const std::system_error& error) {
            REQUIRE(error.code().value() == EIO);
            has_failed = true;
          }
        }
        REQUIRE(talk.heard == answers);
      }
    }
  }
}

TEST_CASE("buffered_reader: lines end in a newline with or without a return, the last in neither") {
  const std::string text = "one\r\n\ntwo\n\r\na\rb\n\r\r\nlast\r";
  for (std::size_t cut = 0; cut <= text.size(); ++cut) {
    source from(pieces_of(text, {cut}));
    buffered_reader<source> reader(from, 4);
    for (const char* line : {"one", "", "two", "", "a\rb", "\r", "last\r"}) {
      const auto got = reader.read_line();
      REQUIRE(got.has_value());
      CHECK(*got == line);
    }
    CHECK_FALSE(reader.read_line().has_value());
    CHECK_FALSE(reader.next_line().has_value());
  }
}

TEST_CASE("buffered_reader: finds the first delimiter, of any length, as a search of the whole") {
  std::mt19937 random(weft_tests::seed_of_this_run());
  const auto some_text = [&](std::size_t size) {
    std::string text(size, 'a');
    for (char& c : text) c = (random() & 1U) == 0 ? 'a' : 'b';
    return text;
  };
  for (int i = 0; i < 3000; ++i) {
    const std::string text = some_text(random() % 40);
    const std::string delimiter = some_text(1 + random() % 5);
    source from(pieces_of_size(text, 1 + random() % 8));
    buffered_reader<source> reader(from, 1 + random() % 12);
    std::size_t begin = 0;
    for (;;) {
      const std::size_t at = text.find(delimiter, begin);
      if (at == std::string::npos) break;
      const std::size_t end = at + delimiter.size();
      REQUIRE(reader.read_until(delimiter) == text.substr(begin, end - begin));
      begin = end;
    }
    REQUIRE_THROWS_AS((void)reader.read_until(delimiter), weft::end_of_stream);
    REQUIRE(rest(reader) == text.substr(begin));
  }
}

TEST_CASE("buffered_reader: the end before a delimiter or a count takes nothing") {
  for (const std::size_t capacity : {2U, 100U}) {
    source from({"abc", "de"});
    buffered_reader<source> reader(from, capacity);
    try {
      (void)reader.read_until("--");
      FAIL("no error");
    } catch (const weft::end_of_stream& end) {
      CHECK(end.bytes() == 5);
      CHECK(std::string(end.what()) ==
            "weft: the stream ended after 5 bytes, before the delimiter");
    }
    char to[8] = {};
    try {
      reader.read_exactly(to, 8);
      FAIL("no error");
    } catch (const weft::end_of_stream& end) {
      CHECK(end.bytes() == 5);
      CHECK(std::string(end.what()) == "weft: the stream ended after 5 of 8 bytes");
    }
    CHECK(reader.buffered() == 5);
    CHECK_FALSE(reader.at_end());
    CHECK(reader.read_some(to, 8) == 5);
    CHECK(std::string(to, 5) == "abcde");
    CHECK(reader.at_end());
    CHECK_THROWS_AS(reader.read_exactly(to, 1), weft::end_of_stream);
    reader.read_exactly(to, 0);
  }
}

TEST_CASE("buffered_reader: as many bytes as allowed may stand before a delimiter, and no more") {
  for (const std::string delimiter : {"\n", "--"}) {
    for (std::size_t size = 1; size <= 14; ++size) {
      for (const std::size_t capacity : {1U, 10U, 11U, 12U, 100U}) {
        const std::string text = "0123456789" + delimiter + "x";
        source from(pieces_of_size(text, size));
        buffered_reader<source> reader(from, capacity);
        for (std::size_t longest = 0; longest < 10; ++longest) {
          try {
            (void)reader.read_until(delimiter, longest);
            FAIL("no error");
          } catch (const weft::limit_exceeded& error) {
            CHECK(error.limit() == longest);
          }
        }
        CHECK(reader.read_until(delimiter, 10) == "0123456789" + delimiter);
        CHECK(rest(reader) == "x");
      }
    }
  }
}

TEST_CASE("buffered_reader: a line that is too long stays buffered, and the error says so") {
  source from({"a long line\r", "\nshort\nlast one"});
  buffered_reader<source> reader(from, 4);
  CHECK_THROWS_WITH_AS((void)reader.read_line(11),
                       "weft: no delimiter after 11 bytes; they stay buffered: consume() them, or "
                       "allow more",
                       weft::limit_exceeded);
  CHECK(reader.read_line(12) == "a long line");  // with the '\r'
  CHECK(reader.next_line(5) == "short");
  CHECK_THROWS_AS((void)reader.next_line(7), weft::limit_exceeded);
  CHECK(reader.read_line(8) == "last one");
}

TEST_CASE("buffered_reader: the buffer grows to what a bound needs, and shrinks once it is empty") {
  source from({std::string(60, 'a'), std::string(200, 'a'), "b", "c"});
  buffered_reader<source> reader(from, 16);
  CHECK_THROWS_AS((void)reader.read_until("\n", 99), weft::limit_exceeded);
  CHECK(reader.buffered() == 100);
  CHECK(from.most_asked < 100);
  reader.consume(100);
  (void)reader.peek();
  CHECK(from.last_asked == 16);
  CHECK(rest(reader) == std::string(160, 'a') + "bc");
}

TEST_CASE("buffered_reader: a long line in single bytes is searched once") {
  // A search from the start at each byte would take minutes: each '\r' may begin the delimiter.
  const std::string line(std::size_t{1} << 20U, '\r');
  source from(pieces_of_size(line + "\r\n", 1));
  buffered_reader<source> reader(from);
  CHECK(reader.read_until("\r\n", line.size()).size() == line.size() + 2);
}

TEST_CASE("buffered_reader: what is buffered comes first, and large reads go past the buffer") {
  source from({"12345678", std::string(100, 'x'), "end"});
  buffered_reader<source> reader(from, 8);
  char to[64];
  CHECK(reader.read_some(to, 3) == 3);
  CHECK(reader.read_some(to, sizeof to) == 5);  // without a call of the stream
  CHECK(from.calls == 1);
  CHECK(reader.read_some(to, sizeof to) == sizeof to);
  CHECK(from.last_to == to);
  CHECK(reader.read_some(to, 0) == 0);
  CHECK(reader.peek() == std::string(8, 'x'));
  reader.read_exactly(to, 36);  // 8 of them buffered
  CHECK(from.last_to == to + 8);
  CHECK(std::string(to, 36) == std::string(36, 'x'));
  CHECK(rest(reader) == "end");
}

TEST_CASE("buffered_reader: views lie in the buffer, and peeking takes nothing") {
  source from({"one\r\ntwo;three"});
  buffered_reader<source> reader(from);
  const std::string_view all = reader.peek();
  CHECK(all == "one\r\ntwo;three");
  const auto line = reader.next_line();
  REQUIRE(line.has_value());
  CHECK(*line == "one");
  CHECK(line->data() == all.data());
  CHECK(reader.peek_until(";") == "two;");
  CHECK(reader.peek_until(";").data() == all.data() + 5);
  CHECK(reader.buffered() == 9);
  reader.consume(4);
  CHECK_THROWS_WITH_AS(reader.consume(6), "weft: consume(6) was called with 5 bytes buffered",
                       std::logic_error);
  CHECK(rest(reader) == "three");
  CHECK(reader.peek().empty());
}

TEST_CASE("buffered_reader: read_all stops at its limit and keeps what it has") {
  for (std::size_t size = 1; size <= 11; ++size) {
    source from(pieces_of_size("0123456789", size));
    buffered_reader<source> reader(from, 3);
    CHECK_THROWS_WITH_AS((void)reader.read_all(9),
                         "weft: the stream has more than 9 bytes; they stay buffered: read_some() "
                         "them, or allow more",
                         weft::limit_exceeded);
    CHECK(reader.read_all(10) == "0123456789");
    CHECK(reader.read_all(0).empty());
  }
  source from({"all"});
  buffered_reader<source> reader(from);
  CHECK(reader.read_all(no_limit) == "all");
}

TEST_CASE("buffered_reader: a stream that said that it ended is not asked again") {
  source from({"last"});
  buffered_reader<source> reader(from);
  CHECK(reader.read_line() == "last");
  CHECK(from.calls == 2);
  char to[4];
  std::string large(100000, '?');
  CHECK_FALSE(reader.read_line().has_value());
  CHECK(reader.read_some(to, 4) == 0);
  CHECK(reader.read_some(large.data(), large.size()) == 0);
  CHECK_THROWS_AS(reader.read_exactly(large.data(), large.size()), weft::end_of_stream);
  CHECK(reader.read_all(10).empty());
  CHECK(from.calls == 2);
}

TEST_CASE("buffered_reader: one stands on another") {
  source from(pieces_of_size("one\ntwo\n", 3));
  buffered_reader<source> below(from, 2);
  buffered_reader<buffered_reader<source>> reader(below, 5);
  CHECK(reader.read_line() == "one");
  CHECK(reader.read_line() == "two");
  CHECK_FALSE(reader.read_line().has_value());
}

TEST_CASE("buffered_reader: refuses what cannot work") {
  source from({"text"});
  CHECK_THROWS_WITH_AS(
      buffered_reader<source>(from, 0),
      "weft: a buffered_reader was made with a capacity of 0; it needs at least 1 byte",
      std::logic_error);
  buffered_reader<source> reader(from);
  CHECK_THROWS_WITH_AS((void)reader.read_until(""),
                       "weft: a delimiter was empty; it needs at least 1 byte", std::logic_error);
  CHECK(rest(reader) == "text");

  struct liar {
    std::size_t read_some(void*, std::size_t size) { return size + 1; }
  } more;
  buffered_reader<liar> believer(more, 8);
  CHECK_THROWS_WITH_AS((void)believer.peek(), "weft: a stream's read_some() returned 9 for 8 bytes",
                       std::logic_error);
  CHECK(believer.buffered() == 0);
}
