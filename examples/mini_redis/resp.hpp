// SPDX-License-Identifier: BSL-1.0
// The protocol of mini_redis, RESP2: cuts what comes into requests, and puts replies together.
// Knows nothing of connections, commands or data. Source: redis.io/docs/reference/protocol-spec.
#pragma once

#include <charconv>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mini_redis {

// What a client may make the server keep. Redis' own bounds are 1048576, 512 MiB and 1 GiB.
constexpr std::size_t most_arguments = 1024;
constexpr std::size_t longest_argument = 1024 * 1024;
constexpr std::size_t largest_request = 16 * 1024 * 1024;
constexpr std::size_t longest_line = 64 * 1024;  // of an inline request, as in Redis
constexpr std::size_t longest_number = 32;

constexpr std::size_t read_bytes = 16 * 1024;

// The stream makes no sense from here on: the connection ends.
class protocol_error : public std::runtime_error {
 public:
  explicit protocol_error(const std::string& what) : runtime_error("Protocol error: " + what) {}
};

// A request: the command's name and its arguments. Views into the reader.
using words = std::vector<std::string_view>;

// As Redis: no spaces, no plus sign, no leading zeros.
inline std::optional<long long> to_integer(std::string_view text) {
  const std::string_view digits = text.substr(text.substr(0, 1) == "-" ? 1 : 0);
  if (digits.empty() || (digits.front() == '0' && text.size() > 1)) return std::nullopt;
  long long number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

// One line of an inline request, with the quotes and escapes that redis-cli knows, too.
class inline_line {
 public:
  explicit inline_line(std::string_view text) : text_(text) {}

  // The next word; nothing at the end.  Throws: protocol_error.
  std::optional<std::string> next() {
    while (at_ < text_.size() && is_space(text_[at_])) ++at_;
    if (at_ == text_.size()) return std::nullopt;
    std::string word;
    while (at_ < text_.size() && !is_space(text_[at_])) {
      const char one = text_[at_++];
      if (one == '"' || one == '\'') {
        read_quoted(one, word);
      } else {
        word += one;
      }
    }
    return word;
  }

 private:
  static bool is_space(char one) { return one == ' ' || (one >= '\t' && one <= '\r'); }

  void read_quoted(char quote, std::string& to) {
    for (;;) {
      if (at_ == text_.size()) throw protocol_error("unbalanced quotes in request");
      const char one = text_[at_++];
      if (one == quote) break;
      if (one == '\\' && at_ < text_.size() && quote == '"') {
        to += escaped();
      } else if (one == '\\' && text_.substr(at_, 1) == "'") {
        to += text_[at_++];
      } else {
        to += one;
      }
    }
    if (at_ < text_.size() && !is_space(text_[at_])) {
      throw protocol_error("unbalanced quotes in request");
    }
  }

  // Behind a backslash.
  char escaped() {
    const char one = text_[at_++];
    if (one == 'x' && text_.size() - at_ >= 2) {
      unsigned value = 0;
      const char* const from = text_.data() + at_;
      if (std::from_chars(from, from + 2, value, 16).ptr == from + 2) {
        at_ += 2;
        return static_cast<char>(value);
      }
    }
    constexpr std::string_view names = "nrtba";
    constexpr std::string_view meant = "\n\r\t\b\a";
    const std::size_t which = names.find(one);
    return which == std::string_view::npos ? one : meant[which];
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

// Keeps the bytes that came and cuts them into requests. One that is not all there is looked at
// anew when more has come: that costs a step for each argument, not for each byte.
class request_reader {
 public:
  // The next request that is all there, or false. `to` is good until the next call of room().
  // Throws: protocol_error.
  bool next(words& to) {
    to.clear();
    while (to.empty() && begin_ < end_) {  // an empty line is no request, nor is "*0"
      const std::string_view rest(buffer_.data() + begin_, unread());
      const std::size_t used = rest.front() == '*' ? cut_array(rest, to) : cut_line(rest, to);
      if (used == 0) {
        to.clear();
        return false;
      }
      begin_ += used;
    }
    return !to.empty();
  }

  std::size_t unread() const { return end_ - begin_; }

  // Where `read_bytes` more can be put; added() says how many came.  Throws: protocol_error.
  char* room() {
    if (unread() > largest_request) throw protocol_error("too big request");
    if (begin_ > 0) {
      std::memmove(buffer_.data(), buffer_.data() + begin_, unread());
      end_ -= std::exchange(begin_, 0);
    }
    if (end_ == 0 && buffer_.size() > 4 * read_bytes) buffer_ = {};  // a large one was here
    if (buffer_.size() - end_ < read_bytes) buffer_.resize(end_ + read_bytes);
    return buffer_.data() + end_;
  }
  void added(std::size_t bytes) { end_ += bytes; }

 private:
  // Each returns how many bytes the request took, 0 if it is not all there.
  static std::size_t cut_array(std::string_view rest, words& to) {
    std::size_t at = 1;
    long long count = 0;
    if (!cut_number(rest, at, count, "invalid multibulk length", "too big mbulk count string")) {
      return 0;
    }
    if (count > static_cast<long long>(most_arguments)) {
      throw protocol_error("invalid multibulk length");
    }
    for (; count > 0; --count) {
      if (at == rest.size()) return 0;
      if (rest[at] != '$') {
        throw protocol_error("expected '$', got '" + std::string(1, rest[at]) + "'");
      }
      long long length = 0;
      if (!cut_number(rest, ++at, length, "invalid bulk length", "too big bulk count string")) {
        return 0;
      }
      if (length < 0 || length > static_cast<long long>(longest_argument)) {
        throw protocol_error("invalid bulk length");
      }
      const auto bytes = static_cast<std::size_t>(length);
      if (rest.size() - at < bytes + 2) return 0;
      to.push_back(rest.substr(at, bytes));
      at += bytes + 2;
    }
    return at;
  }

  // "12\r\n"; false if it is not all there.
  static bool cut_number(std::string_view rest, std::size_t& at, long long& number,
                         const char* if_wrong, const char* if_endless) {
    const std::size_t size = rest.substr(at, longest_number + 1).find('\r');
    if (size == std::string_view::npos) {
      if (rest.size() - at > longest_number) throw protocol_error(if_endless);
      return false;
    }
    if (rest.size() - at < size + 2) return false;
    const std::optional<long long> value = to_integer(rest.substr(at, size));
    if (!value) throw protocol_error(if_wrong);
    number = *value;
    at += size + 2;
    return true;
  }

  std::size_t cut_line(std::string_view rest, words& to) {
    const std::size_t size = rest.find('\n');
    if (size == std::string_view::npos ? rest.size() > longest_line : size > longest_line) {
      throw protocol_error("too big inline request");
    }
    if (size == std::string_view::npos) return 0;
    inline_line line(rest.substr(0, size));
    unquoted_.clear();
    while (std::optional<std::string> word = line.next()) unquoted_.push_back(std::move(*word));
    if (unquoted_.size() > most_arguments) throw protocol_error("too big inline request");
    to.assign(unquoted_.begin(), unquoted_.end());
    return size + 1;
  }

  std::string buffer_;  // of which [begin_, end_) is unread
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<std::string> unquoted_;  // the words of an inline request
};

// Replies, put behind what is in `to`.
inline void add_line(std::string& to, char kind, std::string_view text) {
  to += kind;
  to += text;
  to += "\r\n";
}
inline void add_number(std::string& to, char kind, long long number) {
  char digits[24];
  const char* const end = std::to_chars(digits, digits + sizeof digits, number).ptr;
  add_line(to, kind, {digits, static_cast<std::size_t>(end - digits)});
}
inline void add_simple(std::string& to, std::string_view text) { add_line(to, '+', text); }
inline void add_integer(std::string& to, long long number) { add_number(to, ':', number); }
inline void add_array(std::string& to, std::size_t size) {
  add_number(to, '*', static_cast<long long>(size));
}
inline void add_nil(std::string& to) { to += "$-1\r\n"; }
inline void add_nil_array(std::string& to) { to += "*-1\r\n"; }
inline void add_bulk(std::string& to, std::string_view text) {
  add_number(to, '$', static_cast<long long>(text.size()));
  to += text;
  to += "\r\n";
}
// An error's text may quote the client, who must not end the line with it.
inline void add_error(std::string& to, std::string text) {
  for (char& one : text) {
    if (one == '\r' || one == '\n') one = ' ';
  }
  add_line(to, '-', text);
}

}  // namespace mini_redis
