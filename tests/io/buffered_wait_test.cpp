// SPDX-License-Identifier: BSL-1.0
// Buffered readers and writers whose stream parks: a cancel, a timeout or an error in the middle of
// a call loses no byte and sends none twice; a second fiber is refused.
#include <chrono>
#include <csignal>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include "io/memory_streams.hpp"
#include "support/child.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/buffered.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::buffered_reader;
using weft::buffered_writer;
using weft::move_on_after;
using weft::spawn;
using weft::with_timeout;
using weft_tests::on_virtual_time;
using weft_tests::parking_sink;
using weft_tests::parking_source;

namespace {

using parking_reader = buffered_reader<parking_source>;

// Cancels `call` by a timeout after each piece of `text`, and lets it end at the last; whatever it
// is then gives. Each piece is one byte, so there is no place where a timeout did not come.
template <class Call>
auto after_many_timeouts(parking_source& from, const std::string& text, Call&& call) {
  for (const char byte : text) {
    CHECK_THROWS_AS(with_timeout(1s, [&] { (void)call(); }), weft::timeout_error);
    from.pieces.send(std::string(1, byte));
  }
  return with_timeout(1s, [&] { return call(); });
}

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "buffered_reader: timeouts in the middle of a call lose no byte") {
  for (const std::size_t capacity : {1U, 3U, 100U}) {
    run([&] {
      parking_source from;
      parking_reader reader(from, capacity);
      CHECK(after_many_timeouts(from, "a line\r\n", [&] { return reader.read_line(); }) ==
            "a line");
      CHECK(after_many_timeouts(from, "view\n", [&] { return std::string(*reader.next_line()); }) ==
            "view");
      CHECK(after_many_timeouts(from, "a--b---->", [&] { return reader.read_until("-->"); }) ==
            "a--b---->");
      CHECK(after_many_timeouts(from, "12345", [&] {
              std::string text(5, '?');
              reader.read_exactly(text.data(), text.size());
              return text;
            }) == "12345");
      CHECK(after_many_timeouts(from, "p", [&] { return std::string(reader.peek()); }) == "p");
      CHECK(reader.buffered() == 1);
      char byte = '?';
      CHECK(reader.read_some(&byte, 1) == 1);
      CHECK(after_many_timeouts(from, "s", [&] { return reader.read_some(&byte, 1); }) == 1);
      CHECK(byte == 's');
      from.pieces.send("the");
      auto all = spawn([&] { return reader.read_all(100); });
      weft::yield();
      all.cancel();
      CHECK_THROWS_AS(all.get(), weft::task_cancelled);
      from.pieces.send(" rest");
      from.pieces.close();
      CHECK(reader.read_all(100) == "the rest");
    });
  }
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "buffered_reader: a cancelled read past the buffer brings its bytes back") {
  run([&] {
    parking_source from;
    parking_reader reader(from, 4);
    from.pieces.send("ab");
    CHECK(reader.peek() == "ab");
    from.pieces.send("cdef");
    std::string to(20, '?');
    CHECK_FALSE(move_on_after(1s, [&] { reader.read_exactly(to.data(), to.size()); }));
    CHECK(reader.buffered() == 6);
    from.pieces.send("ghij");
    CHECK_FALSE(move_on_after(1s, [&] { reader.read_exactly(to.data(), to.size()); }));
    CHECK(reader.peek() == "abcdefghij");
    from.pieces.close();
    CHECK_THROWS_AS(reader.read_exactly(to.data(), to.size()), weft::end_of_stream);
    CHECK(reader.read_all(10) == "abcdefghij");
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "buffered_reader: a second fiber is refused, and the first goes on") {
  run([] {
    parking_source from;
    parking_reader reader(from);
    from.pieces.send("first ");
    auto first = spawn([&] { return reader.read_line(); });
    weft::yield();
    CHECK(reader.buffered() == 6);
    char to[8];
    CHECK_THROWS_WITH_AS((void)reader.read_line(),
                         "weft: a buffered_reader or buffered_writer was used while another fiber "
                         "waits in it. One fiber at a time may use it: take a mutex around it",
                         std::logic_error);
    CHECK_THROWS_AS((void)reader.read_some(to, 8), std::logic_error);
    CHECK_THROWS_AS((void)reader.read_until(" "), std::logic_error);
    CHECK_THROWS_AS(reader.consume(1), std::logic_error);
    from.pieces.send("line\n");
    CHECK(first.get() == "first line");
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "buffered_writer: write parks only when the buffer is full") {
  run([] {
    parking_sink to;
    buffered_writer<parking_sink> writer(to, 4);
    CHECK(move_on_after(1s, [&] {
      writer.write("ab");
      writer.put('c');
      writer.put('d');
    }));
    CHECK(writer.buffered() == 4);
    CHECK_FALSE(move_on_after(1s, [&] { writer.put('e'); }));
    CHECK(to.got.empty());
    to.allowances.send(100);
    writer.flush();
    CHECK(to.got == "abcde");  // the put() that was cancelled is as if made
    CHECK(writer.buffered() == 0);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "buffered_writer: after timeouts each byte is sent once and in order") {
  const std::string text = "the quick brown fox jumps over the lazy dog";
  for (const std::size_t capacity : {1U, 5U, 20U, 100U}) {
    for (const std::size_t step : {1U, 4U, 7U, 30U, 43U}) {
      run([&] {
        parking_sink to;
        buffered_writer<parking_sink> writer(to, capacity);
        const auto flush = [&] {
          while (!move_on_after(1s, [&] { writer.flush(); })) to.allowances.send(3);
        };
        for (std::size_t at = 0; at < text.size(); at += step) {
          if (writer.buffered() > capacity) flush();  // a further write would be refused
          move_on_after(1s, [&] { writer.write(text.substr(at, step)); });
          CHECK(to.got + text.substr(to.got.size(), writer.buffered()) ==
                text.substr(0, at + step));
          to.allowances.send(1);
        }
        flush();
        CHECK(to.got == text);
      });
    }
  }
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "buffered_writer: a second fiber is refused, and the first goes on") {
  run([] {
    parking_sink to;
    buffered_writer<parking_sink> writer(to, 4);
    writer.write("one");
    auto first = spawn([&] { writer.flush(); });
    weft::yield();
    CHECK_THROWS_AS(writer.put('!'), std::logic_error);
    CHECK_THROWS_AS(writer.write("too long"), std::logic_error);
    CHECK_THROWS_AS(writer.flush(), std::logic_error);
    CHECK_THROWS_AS(writer.discard(), std::logic_error);
    to.allowances.send(100);
    first.get();
    writer.write("two");
    writer.flush();
    CHECK(to.got == "onetwo");
  });
}

TEST_CASE("buffered_writer: one that is destroyed while a fiber waits in it says so and aborts") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      parking_sink to;
      std::optional<buffered_writer<parking_sink>> writer(std::in_place, to);
      writer->write("text");
      auto flush = spawn([&] { writer->flush(); });
      weft::yield();
      writer.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits in the buffered_reader or buffered_writer any more"));
}
