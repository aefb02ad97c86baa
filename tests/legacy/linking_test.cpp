// SPDX-License-Identifier: BSL-1.0
// The ways in which libweft-hook comes into a process: a shared library or an archive that the
// program is linked with, and LD_PRELOAD before a program that knows nothing of weft and gets it
// with a plugin. What the report says is what happens.
#include "legacy/rows_check.hpp"

using namespace legacy;

namespace {

constexpr const char* no_program = "this build has no shared library, or a sanitizer";

bool is_there(linked how) { return !program_of(how).empty(); }

void check_hooks(linked how, const char* expected) {
  const weft_tests::child_end end = run_client(how, {"hooks"});
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says(expected));
}

// Against a serial time that is known from the servers' own delay: what is to be shown is that the
// calls park.
void check_rows(linked how) {
  int run = 0;
  for (const needs& one : all_needs) {
    const std::string row = one.row;
    const bool is_chosen = row == "libpq" || row == "hiredis" || row == "libcurl http";
    if ((!is_chosen && !wants_all()) || !reason_against(row).empty()) continue;
    const int count = row == "libssh2" ? 20 : row.rfind("getaddrinfo", 0) == 0 ? 50 : 100;
    check_row(row, how, count);
    ++run;
  }
  if (run == 0) WEFT_SKIP("none of the libraries and their servers is there");
}

}  // namespace

TEST_CASE("legacy: the shared library stands before every function") {
  if (!is_there(linked::shared)) WEFT_SKIP(no_program);
  check_hooks(linked::shared, "hooks active");
}

TEST_CASE("legacy: the archive stands before every function, and clients park") {
  if (!is_there(linked::statically)) WEFT_SKIP("started without meson test");
  check_hooks(linked::statically, "hooks active");
  check_rows(linked::statically);
}

TEST_CASE("legacy: LD_PRELOAD stands before every function of a plugin's host, and clients park") {
  if (!is_there(linked::preloaded)) WEFT_SKIP(no_program);
  check_hooks(linked::preloaded, "hooks active");
  check_rows(linked::preloaded);
}

TEST_CASE("legacy: a plugin alone is told that it stands before nothing, and by whom") {
  if (!is_there(linked::plugin_alone)) WEFT_SKIP(no_program);
  const weft_tests::child_end end = run_client(linked::plugin_alone, {"hooks"});
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK(end.says("hooks inactive"));
  CHECK(end.says("libc.so.6: sleep"));
  CHECK(end.says("or start it by weft-run"));
}

TEST_CASE("legacy: a plugin alone works as without weft: one client after another") {
  if (!is_there(linked::plugin_alone)) WEFT_SKIP(no_program);
  const std::string missing = reason_against("hiredis");
  if (!missing.empty()) WEFT_SKIP(missing.c_str());
  const measured one =
      read_measured(run_client(linked::plugin_alone, {"measure", "hiredis", "5", "1"}), 5);
  CHECK(one.failure == "");
  CHECK(one.together >= 5 * 0.2);
}

TEST_CASE("legacy: valgrind finds nothing where clients park") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer does not run in valgrind");
  if (weft_tests::run_program({"valgrind", "--version"}).status != 0) {
    WEFT_SKIP("no valgrind (Debian: valgrind)");
  }
  const std::string missing = reason_against("hiredis");
  if (!missing.empty()) WEFT_SKIP(missing.c_str());
  const weft_tests::child_end end = run_client(linked::statically, {"measure", "hiredis", "5", "1"},
                                               {"valgrind", "-q", "--error-exitcode=99"});
  CAPTURE(end.output);
  CHECK(end.status == 0);
  CHECK_FALSE(end.says("=="));
  const measured one = read_measured(end, 5);
  CHECK(one.together < 3 * 0.2);
}
