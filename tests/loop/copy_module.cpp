// SPDX-License-Identifier: BSL-1.0
// A plug-in that links its own static copy of weft, as two vendors' libraries in one process would.
// Loaded by copies_test.cpp; built as a shared module, so nothing of the program is used in its
// place.
#include <cstring>
#include <string>

#include "weft/report.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

namespace {

std::string& reported() {
  static std::string text;
  return text;
}

void keep(const weft::report& message) noexcept { reported().append(message.text).append("\n"); }

}  // namespace

// Runs a loop of this copy and writes what this copy reported.
extern "C" __attribute__((visibility("default"))) int weft_tests_run_copy(char* reports,
                                                                          std::size_t bytes) {
  const weft::report_handler before = weft::set_report_handler(&keep);
  const int result = weft::run([] { return weft::spawn([] { return 42; }).get(); });
  weft::set_report_handler(before);
  std::strncpy(reports, reported().c_str(), bytes - 1);
  reports[bytes - 1] = '\0';
  return result;
}

// True if this copy thinks that it runs on one of its fibers.
extern "C" __attribute__((visibility("default"))) bool weft_tests_copy_in_fiber() {
  return weft::in_fiber();
}
