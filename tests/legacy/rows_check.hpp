// SPDX-License-Identifier: BSL-1.0
// What holds for each row, however the client is linked.
#pragma once

#include "legacy/client.hpp"

namespace legacy {

constexpr double most_late_ms = weft_tests::is_sanitized ? 50 : 20;
constexpr int most_threads = 16;
constexpr double most_on_slow_servers = 0.25;

// A fiber can be late by what others compute before it, and that takes longer where this thread has
// to share its processor. Never by as much as one blocked call would take.
inline double late_limit(const measured& one) {
  return std::min(most_late_ms * std::max(1.0, one.slowed), std::max(most_late_ms, 100.0));
}

struct expected {
  double ratio;
  bool may_make_threads;  // the library's own
};

inline bool holds(const measured& one, const expected& what) {
  return one.failure.empty() && one.ratio() < what.ratio && one.late_ms < late_limit(one) &&
         (what.may_make_threads || one.threads <= most_threads) &&
         one.threads_after <= most_threads;
}

// Runs `count` clients of a row. Others use this machine, too, and then 200 servers take longer for
// their share of the work: the best of three measurements counts, and, where none was good enough,
// it is that of as many threads, at the same time on the same machine, that says what could be had:
// where a fork takes 8 ms, two hundred servers of PostgreSQL take 13 % of the serial time to start.
// A client that blocks the loop's thread takes all of it.
inline measured check_row(const std::string& row, linked how, int count) {
  constexpr int tries = 3;
  const bool may_make_threads = row == "libcurl https";
  expected what{needs_of(row).most * (weft_tests::is_sanitized ? 2 : 1), may_make_threads};
  const double most = what.ratio;
  measured best;
  for (int i = 0; i < tries && (i == 0 || !holds(best, what)); ++i) {
    best = read_measured(
        run_client(how, {"measure", row, std::to_string(count), wants_all() ? "5" : "3"}), count);
    if (!best.failure.empty()) break;  // a wrong answer is no matter of time
    print_row(row, how, best);
    if (best.ratio() < most || weft_tests::is_sanitized) continue;
    const double on_threads =
        value_in(run_client(how, {"threads", row, std::to_string(count)}).output, "together");
    std::printf("[busy] %s: as many threads take %.3f s\n", row.c_str(), on_threads);
    what.ratio = std::min(std::max(2 * most, most_on_slow_servers),
                          std::max(most, 1.5 * on_threads / (best.serial * count)));
  }
  INFO(row, ", ", name_of(how));
  CHECK(best.failure == "");
  CHECK(best.ratio() < what.ratio);
  CHECK(best.late_ms < late_limit(best));
  if (!may_make_threads) CHECK(best.threads <= most_threads);
  CHECK(best.threads_after <= most_threads);
  return best;
}

}  // namespace legacy

// Leaves the test case if the row's library or server is missing.
#define LEGACY_NEEDS(row)                          \
  const std::string missing = reason_against(row); \
  if (!missing.empty()) WEFT_SKIP(missing.c_str())
