// SPDX-License-Identifier: BSL-1.0
// valgrind runs a fiber program without a word: it is told where each stack lies.
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

namespace {

int sum_of_parts(int parts) {
  std::vector<weft::task<int>> tasks;
  for (int i = 1; i <= parts; ++i) {
    tasks.push_back(weft::spawn([i] {
      const std::string text(static_cast<std::size_t>(i) * 10, 'x');
      weft::yield();
      try {
        if (i % 3 == 0) throw std::runtime_error(text);
      } catch (const std::runtime_error&) {
        weft::yield();
      }
      return static_cast<int>(text.size());
    }));
  }
  int sum = 0;
  for (auto& one : tasks) sum += one.get();
  return sum;
}

}  // namespace

TEST_CASE("a fiber program for valgrind" * doctest::test_suite("subjects")) {
  const int sum = weft::run([] {
    auto parked = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
    const int first = sum_of_parts(50);
    return first + sum_of_parts(50);
  });
  CHECK(sum == 2 * 50 * 51 / 2 * 10);
}

TEST_CASE("H17: a fiber program runs under valgrind memcheck in silence") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_debugger_under_emulation);
  if (weft_tests::is_sanitized) WEFT_SKIP("valgrind does not run sanitizer builds");
  const auto end =
      weft_tests::run_program({"valgrind", "--quiet", "--error-exitcode=9", "--leak-check=full",
                               "--errors-for-leak-kinds=definite", weft_tests::this_program(),
                               "--test-suite=subjects", "--minimal", "--no-breaks"});
  if (end.status == 127) WEFT_SKIP("valgrind is not installed");
  if (end.says("debuginfo reader")) WEFT_SKIP("this valgrind cannot read the compiler's debug info");
  CAPTURE(end.output);
  CHECK(end.signal == 0);
  CHECK(end.status == 0);
  CHECK_FALSE(end.says("=="));
}

TEST_CASE("H17: valgrind is told of each stack that a fiber gets") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_debugger_under_emulation);
  if (weft_tests::is_sanitized) WEFT_SKIP("valgrind does not run sanitizer builds");
  // -d -d makes valgrind's core write a line for each stack that it comes to know; 0 is main's.
  const auto end = weft_tests::run_program({"valgrind", "-d", "-d", "--tool=none",
                                            weft_tests::this_program(), "--test-suite=subjects"});
  if (end.status == 127) WEFT_SKIP("valgrind is not installed");
  if (end.says("debuginfo reader")) WEFT_SKIP("this valgrind cannot read the compiler's debug info");
  CHECK(end.status == 0);
  CHECK(end.says("as stack 0"));
  // The idle context's, the spare one, and at least one fiber's.
  CHECK(end.says("as stack 3"));
}
