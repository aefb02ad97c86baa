// SPDX-License-Identifier: BSL-1.0
// What holds for each row, however the client is linked.
#pragma once

#include "legacy/client.hpp"

namespace legacy {

constexpr double most_late_ms = weft_tests::is_sanitized ? 200 : 20;
constexpr int most_threads = 16;

struct expected {
  double ratio;
  bool may_make_threads;  // the library's own
};

inline bool holds(const measured& one, const expected& what) {
  return one.failure.empty() && one.ratio() < what.ratio && one.late_ms < most_late_ms &&
         (what.may_make_threads || one.threads <= most_threads) &&
         one.threads_after <= most_threads;
}

// Runs `count` clients of a row. Others use this machine, too: the best of three measurements
// counts, and no number of them would let a client through that blocks its thread. `serial` of 0:
// measure it.
inline measured check_row(const std::string& row, linked how, int count, double serial = 0) {
  constexpr int tries = 3;
  const bool may_make_threads = row == "libcurl https" || row == "all at once";
  const expected what{needs_of(row).most * (weft_tests::is_sanitized ? 4 : 1), may_make_threads};
  const std::string one_by_one = serial > 0 ? "0" : wants_all() ? "5" : "3";
  measured best;
  for (int i = 0; i < tries && (i == 0 || !holds(best, what)); ++i) {
    best =
        read_measured(run_client(how, {"measure", row, std::to_string(count), one_by_one}), count);
    if (serial > 0) best.serial = serial;
    if (!best.failure.empty()) break;  // a wrong answer is no matter of time
    print_row(row, how, best);
  }
  INFO(row << ", " << name_of(how));
  CHECK(best.failure == "");
  CHECK(best.ratio() < what.ratio);
  CHECK(best.late_ms < most_late_ms);
  if (!may_make_threads) CHECK(best.threads <= most_threads);
  CHECK(best.threads_after <= most_threads);
  return best;
}

}  // namespace legacy

// Leaves the test case if the row's library or server is missing.
#define LEGACY_NEEDS(row)                          \
  const std::string missing = reason_against(row); \
  if (!missing.empty()) WEFT_SKIP(missing.c_str())
