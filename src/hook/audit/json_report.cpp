// SPDX-License-Identifier: BSL-1.0
// See audit.hpp: the report for a program. weft-audit(1) names the members.
#include <array>

#include "audit.hpp"
#include "weft/version.hpp"

namespace weft_audit {
namespace {

// How many bytes the UTF-8 character there has; 0 if it is none. Source: RFC 3629.
std::size_t character_bytes(std::string_view text, std::size_t at) noexcept {
  const auto byte = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  const unsigned first = byte(at);
  if (first < 0x80) return 1;
  const std::size_t count = first >= 0xc2 && first < 0xe0   ? 2
                            : first >= 0xe0 && first < 0xf0 ? 3
                            : first >= 0xf0 && first < 0xf5 ? 4
                                                            : 0;
  for (std::size_t i = 1; i < count; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return 0;
  }
  const unsigned second = byte(at + 1);
  const bool is_overlong = (first == 0xe0 && second < 0xa0) || (first == 0xf0 && second < 0x90);
  const bool is_outside = (first == 0xed && second > 0x9f) || (first == 0xf4 && second > 0x8f);
  return is_overlong || is_outside ? 0 : count;
}

std::string quoted(std::string_view text) {
  std::string result = "\"";
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t count = character_bytes(text, at);
    const auto byte = static_cast<unsigned char>(text[at]);
    if (count == 0) {
      result += "\xef\xbf\xbd";  // U+FFFD, the replacement character
    } else if (byte == '"' || byte == '\\') {
      result += '\\';
      result += text[at];
    } else if (byte < 0x20) {
      std::array<char, 8> code{};
      std::snprintf(code.data(), code.size(), "\\u%04x", byte);
      result += code.data();
    } else {
      result += text.substr(at, count);
    }
    at += count == 0 ? 1 : count;
  }
  return result + "\"";
}

// One object or array, member by member.
class braces {
 public:
  braces(std::string& to, char open, char close) : to_(to), close_(close) { to_ += open; }
  ~braces() { to_ += close_; }
  braces(const braces&) = delete;
  braces& operator=(const braces&) = delete;

  std::string& next() {
    if (!is_first_) to_ += ',';
    is_first_ = false;
    return to_;
  }
  std::string& next(std::string_view name) { return next().append(quoted(name)).append(":"); }
  void text(std::string_view name, std::string_view value) { next(name) += quoted(value); }
  void number(std::string_view name, std::uint64_t value) { next(name) += std::to_string(value); }
  void truth(std::string_view name, bool value) { next(name) += value ? "true" : "false"; }

 private:
  std::string& to_;
  const char close_;
  bool is_first_ = true;
};

struct object : braces {
  explicit object(std::string& to) : braces(to, '{', '}') {}
};
struct array : braces {
  explicit array(std::string& to) : braces(to, '[', ']') {}
};

template <class All>
void put_texts(std::string& to, const All& all) {
  array list(to);
  for (const auto& one : all) list.next() += quoted(one);
}

void put_call(std::string& to, const found_call& one) {
  object call(to);
  call.text("name", one.what->name);
  call.text("coverage", name_of(one.what->how));
  call.truth("covered", one.is_covered);
  if (!one.what->tier.empty()) call.text("tier", one.what->tier);
  call.text("effect", one.what->effect);
  if (!one.what->advice.empty()) call.text("advice", one.what->advice);
}

void put_calls(std::string& to, const file_report& one, bool all) {
  array list(to);
  for (const found_call& each : one.calls) {
    const bool is_quiet = each.what->how == coverage::noted || each.what->how == coverage::seldom;
    if (all || !is_quiet) put_call(list.next(), each);
  }
}

void put_thread_variables(std::string& to, const file_report& one) {
  array list(to);
  for (const thread_variable& each : one.thread_variables) {
    object variable(list.next());
    variable.text("name", each.name);
    variable.number("bytes", each.bytes);
    if (!each.why_harmless.empty()) variable.text("harmless", each.why_harmless);
  }
}

void put_frames(std::string& to, const file_report& one) {
  array list(to);
  for (const large_frame& each : one.frame.large) {
    object frame(list.next());
    frame.text("function", demangled(each.function));
    frame.number("address", each.address);
    frame.number("bytes", each.bytes);
  }
}

void put_warnings(std::string& to, const file_report& one) {
  array list(to);
  for (const warning& each : one.warnings) {
    object made(list.next());
    made.text("text", each.text);
    made.text("advice", each.advice);
    made.truth("not_covered", each.counts);
  }
}

void put_file(std::string& to, const file_report& one, const options& how) {
  object file(to);
  file.text("path", one.of->path);
  file.text("soname", one.of->file.dynamic().soname);
  file.text("needed_by", one.of->loader != nullptr ? one.of->loader->path : "");
  file.text("role", one.what == role::audited     ? "audited"
                    : one.what == role::c_library ? "C library"
                                                  : "weft");
  put_calls(file.next("calls"), one, how.all);
  put_texts(file.next("direct_system_calls"), one.direct_calls);
  put_thread_variables(file.next("thread_locals"), one);
  file.number("thread_bytes_without_names", one.thread_bytes);
  put_texts(file.next("thread_key_functions"), one.thread_keys);
  put_frames(file.next("large_frames"), one);
  file.number("functions", one.frame.functions);
  put_warnings(file.next("warnings"), one);
  file.number("not_covered", one.count_not_covered(how.strict));
}

}  // namespace

std::string as_json(const report& what, const options& how) {
  std::string text;
  {
    object whole(text);
    whole.number("format", 1);
    whole.text("weft", WEFT_VERSION_STRING);
    put_texts(whole.next("tiers"), how.tiers);
    {
      array list(whole.next("files"));
      for (const file_report& one : what.files) put_file(list.next(), one, how);
    }
    {
      array list(whole.next("missing"));
      for (const missing_file& one : what.missing) {
        object missing(list.next());
        missing.text("name", one.name);
        missing.text("needed_by", one.needed_by);
      }
    }
    whole.truth("has_weft_hook", what.has_hook);
    whole.number("not_covered", what.count_not_covered(how.strict));
  }
  return text + "\n";
}

}  // namespace weft_audit
