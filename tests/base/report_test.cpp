// SPDX-License-Identifier: BSL-1.0
// The one way out for weft's own messages: default, replacement, and back.
#include "weft/report.hpp"

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <doctest/doctest.h>

namespace {

struct seen_report {
  std::string text;
  bool in_signal_handler;
};
std::vector<seen_report> seen;

void keep(const weft::report& r) noexcept {
  seen.push_back({std::string(r.text), r.in_signal_handler});
}
void ignore(const weft::report&) noexcept {}

// What `f` writes to file descriptor 2.
template <class F>
std::string stderr_of(F f) {
  std::fflush(stderr);
  std::FILE* const file = std::tmpfile();
  REQUIRE(file != nullptr);
  const int kept = ::dup(2);
  ::dup2(::fileno(file), 2);
  f();
  std::fflush(stderr);
  ::dup2(kept, 2);
  ::close(kept);
  std::rewind(file);
  std::string text;
  for (int c; (c = std::fgetc(file)) != EOF;) text += static_cast<char>(c);
  std::fclose(file);
  return text;
}

}  // namespace

TEST_CASE("report: without a handler a message is one line on stderr") {
  const std::string text = stderr_of([] { weft::detail::send_report("weft: the first"); });
  CHECK(text == "weft: the first\n");
}

TEST_CASE("report: a handler of one's own gets the text, and stderr stays silent") {
  seen.clear();
  weft::set_report_handler(&keep);
  const std::string text = stderr_of([] { weft::detail::send_report("weft: the second"); });
  weft::set_report_handler(nullptr);
  CHECK(text.empty());
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].text == "weft: the second");
  CHECK_FALSE(seen[0].in_signal_handler);
}

TEST_CASE("report: a handler is told when it runs in a signal handler") {
  seen.clear();
  weft::set_report_handler(&keep);
  weft::detail::send_report("weft: from a handler", true);
  weft::set_report_handler(nullptr);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].in_signal_handler);
}

TEST_CASE("report: setting a handler returns the one before, so that it can be put back") {
  const weft::report_handler original = weft::set_report_handler(&keep);
  const bool was_keep = weft::set_report_handler(&ignore) == &keep;
  const bool was_ignore = weft::set_report_handler(original) == &ignore;
  CHECK(was_keep);
  CHECK(was_ignore);
}

TEST_CASE("report: nullptr brings stderr back") {
  weft::set_report_handler(&ignore);
  weft::set_report_handler(nullptr);
  const std::string text = stderr_of([] { weft::detail::send_report("weft: again"); });
  CHECK(text == "weft: again\n");
}

TEST_CASE("report: the handler is that of all threads") {
  seen.clear();
  weft::set_report_handler(&keep);
  std::thread([] { weft::detail::send_report("weft: from a thread"); }).join();
  weft::set_report_handler(nullptr);
  REQUIRE(seen.size() == 1);
  CHECK(seen[0].text == "weft: from a thread");
}

TEST_CASE("report: a text of any length arrives whole") {
  const std::string long_text = "weft: " + std::string(100'000, 'x');
  const std::string text = stderr_of([&] { weft::detail::send_report(long_text); });
  CHECK(text == long_text + "\n");
}
