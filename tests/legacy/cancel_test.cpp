// SPDX-License-Identifier: BSL-1.0
// A timeout around a blocking call of an unmodified library: the call comes back with an error of
// its own, at once and without a spin; its handle can be closed and the next connection works. And
// clients of all libraries at once.
#include "legacy/rows_check.hpp"

using namespace legacy;

namespace {

struct cancelled {
  weft_tests::child_end end;
  double back_ms = 0;
  double cpu_ms = 0;
  double close_ms = 0;

  bool holds() const { return back_ms < 150 && cpu_ms < 50; }
};

void check_cancel(const std::string& row) {
  cancelled best;
  for (int i = 0; i < 3 && (i == 0 || !best.holds()); ++i) {
    best.end = run_client(linked::statically, {"cancel", row});
    best.back_ms = value_in(best.end.output, "back_ms");
    best.cpu_ms = value_in(best.end.output, "cpu_ms");
    best.close_ms = value_in(best.end.output, "close_ms");
    if (best.end.status != 0) break;
    std::printf("[cancel] %-14s back after %6.2f ms, computed %5.2f ms, closed in %5.2f ms\n",
                row.c_str(), best.back_ms, best.cpu_ms, best.close_ms);
  }
  CAPTURE(best.end.output);
  CHECK(best.end.status == 0);  // so the next connection works, too
  CHECK(value_in(best.end.output, "failed") == 1);
  CHECK(best.back_ms >= 100);
  CHECK(best.back_ms < 150);
  CHECK(best.cpu_ms < 50);
  CHECK(best.close_ms < 1000);
}

}  // namespace

TEST_CASE("legacy: a timeout ends PQexec") {
  LEGACY_NEEDS("libpq");
  check_cancel("libpq");
}

TEST_CASE("legacy: a timeout ends redisCommand") {
  LEGACY_NEEDS("hiredis");
  check_cancel("hiredis");
}

TEST_CASE("legacy: a timeout ends curl_easy_perform") {
  LEGACY_NEEDS("libcurl http");
  check_cancel("libcurl http");
}

TEST_CASE("legacy: a timeout ends mysql_query") {
  LEGACY_NEEDS("libmariadb");
  check_cancel("libmariadb");
}

TEST_CASE("legacy: a timeout ends SSL_read") {
  LEGACY_NEEDS("OpenSSL BIO");
  check_cancel("OpenSSL BIO");
}

TEST_CASE("legacy: clients of all libraries wait at once, and none holds up another") {
  std::vector<std::string> arguments{"mixed"};
  for (const needs& one : all_needs) {
    if (reason_against(one.row).empty()) arguments.push_back(one.row);
  }
  const int kinds = static_cast<int>(arguments.size()) - 1;
  if (kinds < 2) WEFT_SKIP("no two of the libraries and their servers are there");
  // One after another they take the sum; at once what the slowest takes, libssh2's half a second
  // and what it computes.
  constexpr double most = 0.6;
  measured best;
  for (int i = 0; i < 3; ++i) {
    best = read_measured(run_client(linked::statically, arguments), kinds);
    best.serial /= kinds;
    if (!best.failure.empty()) break;
    print_row("all at once", linked::statically, best);
    if (holds(best, {most, true})) break;
  }
  CHECK(best.failure == "");
  CHECK(best.ratio() < most);
  CHECK(best.late_ms < late_limit(best));
}
