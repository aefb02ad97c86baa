// SPDX-License-Identifier: BSL-1.0
// buffered_reader and buffered_writer against plain functions over the whole text: whatever the
// pieces in which it comes, the capacity, the limits, and the errors in between.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "fuzz/input.hpp"
#include "weft/buffered.hpp"
#include "weft/errors.hpp"

namespace weft_fuzz {

// What a call answered, in the words of both sides.
struct answer {
  enum class kind { text, nothing, ended, limited } how = kind::nothing;
  std::string text;

  friend bool operator==(const answer& a, const answer& b) {
    return a.how == b.how && a.text == b.text;
  }
};

// The reference: all that is left of the text is known.
class plain_reader {
 public:
  explicit plain_reader(std::string_view text) : left_(text) {}

  answer line(std::size_t longest) {
    const std::size_t at = left_.substr(0, longest + 1).find('\n');
    if (at == std::string_view::npos && left_.size() > longest) return {answer::kind::limited, {}};
    if (at == std::string_view::npos) {
      if (left_.empty()) return {answer::kind::nothing, {}};
      return {answer::kind::text, take(left_.size())};
    }
    std::string text = take(at + 1);
    text.pop_back();
    if (!text.empty() && text.back() == '\r') text.pop_back();
    return {answer::kind::text, text};
  }

  answer until(std::string_view delimiter, std::size_t longest, bool is_taken) {
    const std::size_t bound = longest + delimiter.size();
    const std::size_t at = left_.substr(0, bound).find(delimiter);
    if (at == std::string_view::npos) {
      if (left_.size() >= bound) return {answer::kind::limited, {}};
      return {answer::kind::ended, std::to_string(left_.size())};
    }
    const std::size_t size = at + delimiter.size();
    return {answer::kind::text, is_taken ? take(size) : std::string(left_.substr(0, size))};
  }

  answer exactly(std::size_t size) {
    if (left_.size() < size) return {answer::kind::ended, std::to_string(left_.size())};
    return {answer::kind::text, take(size)};
  }

  answer all(std::size_t most) {
    if (left_.size() > most) return {answer::kind::limited, {}};
    return {answer::kind::text, take(left_.size())};
  }

  std::string take(std::size_t bytes) {
    std::string text(left_.substr(0, bytes));
    left_.remove_prefix(bytes);
    return text;
  }
  std::string_view left() const noexcept { return left_; }

 private:
  std::string_view left_;
};

// Calls until the stream does not fail in between: a call that failed took nothing.
template <class F>
answer answer_of(F&& call) {
  for (;;) {
    try {
      return call();
    } catch (const hiccup&) {
    } catch (const weft::end_of_stream& end) {
      return {answer::kind::ended, std::to_string(end.bytes())};
    } catch (const weft::limit_exceeded&) {
      return {answer::kind::limited, {}};
    }
  }
}

inline answer as_answer(std::optional<std::string_view> text) {
  if (!text) return {answer::kind::nothing, {}};
  return {answer::kind::text, std::string(*text)};
}

inline void try_reader(std::string_view input) {
  const parts both(input);
  choices by(both.choice_bytes);
  memory_stream stream(both.data, by);
  weft::buffered_reader<memory_stream> reader(stream, 1 + by.below(40));
  plain_reader plain(both.data);
  constexpr std::string_view delimiters[] = {"\n", "\r\n", "ab", "aab", "abab", ";"};
  // One call more than there are choices: each call takes one at least.
  for (bool is_last = false; !is_last;) {
    is_last = by.is_over();
    const std::size_t which = by.below(9);
    const std::size_t number = by.below(60);
    const std::string_view delimiter = delimiters[number % 6];
    std::string text(number, '\0');
    if (which == 0) {
      require(answer_of([&] { return as_answer(reader.read_line(number)); }) == plain.line(number),
              "read_line");
    } else if (which == 1) {
      require(answer_of([&] { return as_answer(reader.next_line(number)); }) == plain.line(number),
              "next_line");
    } else if (which == 2) {
      require(answer_of([&] { return as_answer(reader.read_until(delimiter, number)); }) ==
                  plain.until(delimiter, number, true),
              "read_until");
    } else if (which == 3) {
      require(answer_of([&] { return as_answer(reader.peek_until(delimiter, number)); }) ==
                  plain.until(delimiter, number, false),
              "peek_until");
    } else if (which == 4) {
      require(answer_of([&] {
                reader.read_exactly(text.data(), text.size());
                return as_answer(text);
              }) == plain.exactly(number),
              "read_exactly");
    } else if (which == 5) {
      require(answer_of([&] { return as_answer(reader.read_all(number)); }) == plain.all(number),
              "read_all");
    } else if (which == 6) {
      const answer some = answer_of([&] {
        text.resize(reader.read_some(text.data(), text.size()));
        return as_answer(text);
      });
      require(!some.text.empty() || number == 0 || plain.left().empty(), "read_some reads some");
      require(some.text == plain.take(some.text.size()), "read_some");
    } else if (which == 7) {
      const answer seen = answer_of([&] { return as_answer(reader.peek()); });
      require(seen.text.empty() == plain.left().empty(), "peek sees some");
      require(seen.text == plain.left().substr(0, seen.text.size()), "peek");
    } else {
      const std::size_t bytes = std::min(number, reader.buffered());
      reader.consume(bytes);
      plain.take(bytes);
    }
    require(reader.buffered() <= plain.left().size(), "no more is buffered than is left");
    require(!reader.at_end() || plain.left().empty(), "at_end");
  }
  require(answer_of([&] { return as_answer(reader.read_all(both.data.size())); }) ==
              plain.all(both.data.size()),
          "all the rest");
}

inline void try_writer(std::string_view input) {
  const parts both(input);
  choices by(both.choice_bytes);
  memory_stream stream({}, by);
  const std::size_t capacity = 1 + by.below(40);
  weft::buffered_writer<memory_stream> writer(stream, capacity);
  std::string all;  // that was written, without what was given up
  std::string_view data = both.data;
  while (!by.is_over() && !data.empty()) {
    const std::size_t which = by.below(8);
    const std::string_view piece = data.substr(0, by.below(100));
    data.remove_prefix(piece.size());
    const std::size_t before = all.size();
    const bool is_over_full = writer.buffered() > capacity;  // by a write that failed
    try {
      if (which < 5) {
        all += piece;  // taken, whatever happens, unless it is refused
        writer.write(piece);
      } else if (which == 5 && !piece.empty()) {
        all += piece.front();
        writer.put(piece.front());
      } else if (which == 6) {
        writer.flush();
        require(writer.buffered() == 0, "flush sends all");
      } else if (which == 7) {
        const std::size_t unsent = writer.discard();
        require(unsent <= all.size(), "no more is unsent than was written");
        all.resize(all.size() - unsent);
      }
      require(!is_over_full || which > 5 || all.size() == before, "no more is taken than has room");
    } catch (const hiccup&) {
    } catch (const weft::limit_exceeded&) {
      require(is_over_full, "refused only when there is too much already");
      all.resize(before);
    }
    require(stream.written.size() + writer.buffered() == all.size(), "each byte is somewhere");
    require(stream.written == all.substr(0, stream.written.size()), "in order");
  }
  for (bool is_sent = false; !is_sent;) {
    try {
      writer.flush();
      is_sent = true;
    } catch (const hiccup&) {
    }
  }
  require(stream.written == all, "all is sent");
}

}  // namespace weft_fuzz
