// SPDX-License-Identifier: BSL-1.0
// Readers and writers of streams: the ports of streams.py. asyncio's reader has one limit, given
// when it is made; weft's calls take it each.
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "asyncio/pair.hpp"
#include "io/memory_streams.hpp"
#include "weft/buffered.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"

using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;
using weft::with_timeout;

namespace {

// As readline() of asyncio, which leaves the end of the line; b"" at the end of the stream.
template <class Reader>
std::string line_of(Reader& reader) {
  try {
    return reader.read_until("\n");
  } catch (const weft::end_of_stream&) {
    return reader.read_all(no_limit);
  }
}

template <class Reader>
std::string count_of(Reader& reader, std::size_t size) {
  std::string text(size, '?');
  reader.read_exactly(text.data(), size);
  return text;
}

template <class F>
std::string tried(F&& read) {
  try {
    std::string text = std::forward<F>(read)();
    for (char& byte : text) byte = byte == '\n' ? 'n' : byte == '\r' ? 'r' : byte;
    return "<" + text + ">";
  } catch (const weft::end_of_stream& error) {
    return "ended after " + std::to_string(error.bytes());
  } catch (const weft::limit_exceeded&) {
    return "too long";
  } catch (const std::logic_error&) {
    return "misuse";
  }
}

// A stream and its reader.
struct fed {
  explicit fed(std::vector<std::string> pieces) : from(std::move(pieces)) {}

  std::string until(std::string_view delimiter, std::size_t longest = 64 * 1024) {
    return tried([&] { return reader.read_until(delimiter, longest); });
  }
  std::string exactly(std::size_t size) {
    return tried([&] { return count_of(reader, size); });
  }
  std::string line() {
    return tried([&] { return line_of(reader); });
  }

  source from;
  weft::buffered_reader<source> reader{from, 4};
};

}  // namespace

PAIR("a reader gives lines, messages and counts of bytes") {
  fed in({"one\nt", "wo\n", "\nhead\r\n", "\r", "\nbo", "dyrest", " of it\nlast"});
  for (int i = 0; i < 3; ++i) say(in.until("\n"));
  say(in.until("\r\n\r\n"));
  say(in.exactly(4));
  say(in.exactly(0));
  say(in.until("\n"));
  say(in.reader.at_end());
  say(in.line());
  say(in.reader.at_end());
  say(tried([&] {
    char to[5];
    return std::string(to, in.reader.read_some(to, 5));
  }));
  say(in.line());
}

PAIR("a reader gives all that is left") {
  fed in({"one ", "two ", "three"});
  say(in.exactly(4));
  say(tried([&] { return in.reader.read_all(no_limit); }));
  say(tried([&] { return in.reader.read_all(no_limit); }));
}

PAIR("an empty delimiter is refused") { say(fed({"text"}).until("")); }

PAIR("the end before a delimiter or a count says how many bytes came") {
  say(fed({"abc", "de"}).until("--"));
  say(fed({"abc", "de"}).exactly(8));
  say(fed({}).until("--"));
  say(fed({}).exactly(1));
}

PAIR("a limit counts the bytes before the delimiter") {
  for (const std::string text : {"12345n", "12345--n", "12345", "123456", "1234567"}) {
    for (const std::string_view delimiter : {"n", "--"}) {
      for (std::size_t limit = 1; limit < 8; ++limit) {
        const std::string whole = fed({text}).until(delimiter, limit);
        const std::string cut = fed(pieces_of_size(text, 1)).until(delimiter, limit);
        say(text, delimiter, limit, whole, cut);
      }
    }
  }
}

PAIR("what is too long stays in the buffer") {
  fed in({"12345;678"});
  say(in.until(";", 4));
  say(in.until(";", 4));
  say(in.exactly(6));
  say(in.exactly(3));
}

PAIR("a reader that is cancelled loses no byte") {
  parking_source from;
  weft::buffered_reader<parking_source> reader(from);
  for (const char* piece : {"a l", "ine", "\nnext"}) {
    const auto start = weft::now();
    const std::string end =
        attempt([&] { return with_timeout(1 * unit, [&] { return line_of(reader); }); });
    say(end, since(start));
    from.pieces.send(piece);
  }
  say(tried([&] { return line_of(reader); }));
  say(attempt([&] { return with_timeout(1 * unit, [&] { return count_of(reader, 6); }); }));
  from.pieces.close();
  say(tried([&] { return count_of(reader, 4); }));
}

PAIR("a reader serves one at a time") {
  parking_source from;
  weft::buffered_reader<parking_source> reader(from);
  auto first = spawn([&] { return tried([&] { return line_of(reader); }); });
  await_sleep(1 * unit);
  say(tried([&] { return line_of(reader); }));
  from.pieces.send("line\n");
  say(first.get());
}

PAIR("write keeps the bytes, drain waits until they are sent") {
  parking_sink to;
  weft::buffered_writer<parking_sink> writer(to);
  writer.write("one ");
  writer.write("two");
  say("got", to.got);
  auto drain = spawn([&] { writer.flush(); });
  await_sleep(1 * unit);
  to.allowances.send(4);
  await_sleep(1 * unit);
  say("got", to.got, drain.done());
  to.allowances.send(3);
  drain.get();
  say("got", to.got);
  writer.flush();
}

PAIR("a drain that is cancelled loses no byte") {
  parking_sink to;
  weft::buffered_writer<parking_sink> writer(to);
  writer.write("one two");
  say(attempt([&] { with_timeout(1 * unit, [&] { writer.flush(); }); }));
  writer.write(" three");
  to.allowances.send(13);
  writer.flush();
  say("got", to.got);
}
