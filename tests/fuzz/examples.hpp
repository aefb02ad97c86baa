// SPDX-License-Identifier: BSL-1.0
// What the examples read from a network: the requests of mini_redis and the lines of chat, in
// arbitrary pieces, against the same text in one piece.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../../examples/chat_line.hpp"
#include "../../examples/mini_redis/resp.hpp"
#include "fuzz/input.hpp"

namespace weft_fuzz {

using request = std::vector<std::string>;

struct requests {
  std::vector<request> all;
  std::string error;  // behind them
  std::size_t left = 0;

  friend bool operator==(const requests& a, const requests& b) {
    return a.all == b.all && a.error == b.error && (!a.error.empty() || a.left == b.left);
  }
};

// `next_size` says how many bytes come next.
template <class F>
requests requests_of(std::string_view text, F&& next_size) {
  mini_redis::request_reader reader;
  mini_redis::words words;
  requests found;
  try {
    for (;;) {
      while (reader.next(words)) {
        require(!words.empty(), "a request has a name");
        require(words.size() <= mini_redis::most_arguments, "and no more arguments than allowed");
        found.all.emplace_back(words.begin(), words.end());
      }
      if (text.empty()) break;
      const std::size_t size = std::min({text.size(), next_size(), mini_redis::read_bytes});
      std::memcpy(reader.room(), text.data(), size);
      reader.added(size);
      text.remove_prefix(size);
    }
  } catch (const mini_redis::protocol_error& error) {
    found.error = error.what();
  }
  found.left = reader.unread();
  return found;
}

inline void try_resp(std::string_view input) {
  const parts both(input);
  choices by(both.choice_bytes);
  const requests whole = requests_of(both.data, [] { return mini_redis::read_bytes; });
  const requests in_pieces = requests_of(both.data, [&] { return by.below(20) + 1; });
  require(whole == in_pieces, "pieces make no difference");
  // What was understood means the same when it is said again.
  std::string again;
  for (const request& one : whole.all) {
    mini_redis::add_array(again, one.size());
    for (const std::string& word : one) mini_redis::add_bulk(again, word);
  }
  const requests said_again = requests_of(again, [&] { return by.below(20) + 1; });
  require(said_again.all == whole.all && said_again.left == 0, "a request written is read");
  require(said_again.error.empty(), "without an error");
  std::string error;
  mini_redis::add_error(error, std::string(both.data));
  require(error.find_first_of("\r\n") == error.size() - 2, "an error is one line");
}

// The same, when it is cut from the whole text.
inline std::vector<std::string> lines_of(std::string_view text, std::size_t longest) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t at = text.substr(0, longest + 1).find('\n');
    std::size_t size = at == std::string_view::npos ? std::min(text.size(), longest) : at;
    std::string line(text.substr(0, size));
    if (at != std::string_view::npos) {
      ++size;
      if (!line.empty() && line.back() == '\r') line.pop_back();
    }
    lines.push_back(std::move(line));
    text.remove_prefix(size);
  }
  return lines;
}

inline void try_chat(std::string_view input) {
  const parts both(input);
  choices by(both.choice_bytes);
  const std::size_t longest = 1 + by.below(50);
  memory_stream stream(both.data, by);
  weft::buffered_reader<memory_stream> reader(stream, 1 + by.below(40));
  std::vector<std::string> lines;
  for (;;) {
    try {
      std::optional<std::string> line = chat::next_line(reader, longest);
      if (!line) break;
      require(line->size() <= longest, "no line is longer than allowed");
      lines.push_back(std::move(*line));
    } catch (const hiccup&) {
    }
  }
  require(lines == lines_of(both.data, longest), "lines are what stands between the ends of lines");
}

}  // namespace weft_fuzz
