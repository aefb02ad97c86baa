// SPDX-License-Identifier: BSL-1.0
// Reads JSON strictly, as RFC 8259 has it: for what weft writes. Throws std::runtime_error.
#pragma once

#include <cstdlib>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace weft_tests {

struct json {
  enum class kind { null, boolean, number, string, array, object } is = kind::null;
  double number = 0;  // of a boolean: 1 or 0
  std::string text;
  std::vector<json> items;
  std::map<std::string, json> members;

  const json& operator[](const std::string& name) const {
    const auto found = members.find(name);
    if (found == members.end()) throw std::runtime_error("no member " + name);
    return found->second;
  }
  bool has(const std::string& name) const { return members.count(name) != 0; }
};

class json_reader {
 public:
  static json read(const std::string& text) {
    json_reader reader(text);
    json all = reader.value();
    reader.skip_space();
    if (reader.at_ != text.size()) reader.fail("something behind the end");
    return all;
  }

 private:
  explicit json_reader(const std::string& text) : text_(text) {}

  [[noreturn]] void fail(const std::string& what) const {
    throw std::runtime_error(what + " at byte " + std::to_string(at_) + ": " +
                             text_.substr(at_, 40));
  }
  void skip_space() {
    while (at_ < text_.size() && std::string(" \t\r\n").find(text_[at_]) != std::string::npos) {
      ++at_;
    }
  }
  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take_word(const std::string& word) {
    if (text_.compare(at_, word.size(), word) != 0) return false;
    at_ += word.size();
    return true;
  }
  void want(char c) {
    if (!take(c)) fail(std::string("no ") + c);
  }

  json value() {
    json v;
    skip_space();
    if (take('{')) {
      v.is = json::kind::object;
      if (take('}')) return v;
      do {
        skip_space();
        const std::string name = string();
        want(':');
        if (!v.members.emplace(name, value()).second) fail("a second " + name);
      } while (take(','));
      want('}');
    } else if (take('[')) {
      v.is = json::kind::array;
      if (take(']')) return v;
      do v.items.push_back(value());
      while (take(','));
      want(']');
    } else if (at_ < text_.size() && text_[at_] == '"') {
      v.is = json::kind::string;
      v.text = string();
    } else if (take_word("true") || take_word("false")) {
      v.is = json::kind::boolean;
      v.number = text_[at_ - 2] == 'u' ? 1 : 0;
    } else {
      v.is = json::kind::number;
      v.number = read_number();
    }
    return v;
  }

  std::string string() {
    if (at_ >= text_.size() || text_[at_] != '"') fail("no string");
    std::string out;
    for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
      if (static_cast<unsigned char>(text_[at_]) < 0x20) fail("a control character");
      if (text_[at_] != '\\') {
        out += text_[at_];
        continue;
      }
      if (++at_ >= text_.size()) break;
      if (text_[at_] == 'u') {
        const unsigned long code = std::strtoul(text_.substr(at_ + 1, 4).c_str(), nullptr, 16);
        if (code > 0xff) fail("an escape that weft does not write");
        out += static_cast<char>(code);
        at_ += 4;
      } else if (std::string("\"\\/").find(text_[at_]) != std::string::npos) {
        out += text_[at_];
      } else {
        fail("an unknown escape");
      }
    }
    if (at_ >= text_.size()) fail("an open string");
    ++at_;
    return out;
  }

  double read_number() {
    const std::size_t begin = at_;
    while (at_ < text_.size() &&
           std::string("-0123456789.").find(text_[at_]) != std::string::npos) {
      ++at_;
    }
    if (begin == at_) fail("no value");
    return std::strtod(text_.substr(begin, at_ - begin).c_str(), nullptr);
  }

  const std::string& text_;
  std::size_t at_ = 0;
};

}  // namespace weft_tests
