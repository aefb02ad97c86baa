// SPDX-License-Identifier: BSL-1.0
// Runs the client program (program.hpp), however it is linked, and reads what it prints.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "legacy/servers.hpp"
#include "structure/source_tree.hpp"
#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/skip.hpp"

namespace legacy {

// What a row needs, and what its clients may take together of the time one by one.
struct needs {
  const char* row;
  server from;
  const char* package;  // Debian's, with the library's headers
  double most;
};
inline constexpr needs all_needs[] = {
    {"libpq", server::postgres, "libpq-dev", 0.05},
    {"libpq COPY", server::postgres, "libpq-dev", 0.05},
    {"libpq NOTIFY", server::postgres, "libpq-dev", 0.05},
    {"hiredis", server::redis, "libhiredis-dev", 0.05},
    {"libcurl http", server::nginx, "libcurl4-openssl-dev", 0.05},
    {"libcurl https", server::nginx, "libcurl4-openssl-dev", 0.05},
    {"libmariadb", server::mariadb, "libmariadb-dev", 0.05},
    {"OpenSSL BIO", server::nginx, "libssl-dev", 0.05},
    {"libssh2", server::sshd, "libssh2-1-dev", 0.20},
    {"sqlite3", server::none, "libsqlite3-dev", 0.05},
    {"getaddrinfo", server::dns, "libc6-dev", 0.05},
    {"getaddrinfo, names", server::dns, "libc6-dev", 0.15},  // 50 questions, 12 threads
};

inline const needs& needs_of(const std::string& row) {
  return *std::find_if(std::begin(all_needs), std::end(all_needs),
                       [&row](const needs& one) { return row == one.row; });
}

// How weft-hook came into the client.
enum class linked { shared, statically, preloaded, plugin_alone };
inline const char* name_of(linked how) {
  constexpr const char* names[] = {"shared", "static", "preload", "plugin alone"};
  return names[static_cast<int>(how)];
}

inline std::string path_of(const char* variable) {
  const char* const path = std::getenv(variable);
  return path != nullptr ? path : "";
}

// Empty: this build has no such program.
inline std::vector<std::string> program_of(linked how) {
  if (how == linked::shared || how == linked::statically) {
    const auto path = path_of(how == linked::shared ? "WEFT_LEGACY_SHARED" : "WEFT_LEGACY_STATIC");
    return path.empty() ? std::vector<std::string>() : std::vector<std::string>{path};
  }
  const std::string host = path_of("WEFT_LEGACY_HOST");
  if (host.empty() || weft_tests::is_sanitized) return {};  // a sanitizer wants to be the first
  return {host, path_of("WEFT_LEGACY_PLUGIN")};
}

// What the client prints. `before` are words to stand before the program, as valgrind's.
inline weft_tests::child_end run_client(linked how, const std::vector<std::string>& arguments,
                                        std::vector<std::string> before = {}) {
  std::vector<std::string> words = std::move(before);
  for (const std::string& word : program_of(how)) words.push_back(word);
  words.insert(words.end(), arguments.begin(), arguments.end());
  return weft_tests::run_child([&] {
    if (how == linked::preloaded) {
      setenv("LD_PRELOAD", path_of("WEFT_LEGACY_PRELOAD").c_str(), 1);
    }
    alarm(90);
    return weft_tests::become_program(words);
  });
}

// A number of `word key=value key=value`; -1 if it isn't there.
inline double value_in(const std::string& text, const std::string& key) {
  const auto at = text.find(" " + key + "=");
  return at != std::string::npos ? std::atof(text.c_str() + at + key.size() + 2) : -1;
}

// What this build's client can do: its rows. One that doesn't even run is no reason to skip.
inline std::string listed_rows() {
  const weft_tests::child_end end = run_client(linked::statically, {"list"});
  if (end.status != 0) throw std::runtime_error("the client does not run: " + end.output);
  return "\n" + end.output;
}
inline bool has_row(const std::string& row) {
  static const std::string all = listed_rows();
  return all.find("\n" + row + "\n") != std::string::npos;
}

// Why a row can't be run here; empty if it can, and then its server runs.
inline std::string reason_against(const std::string& row) {
  if (program_of(linked::statically).empty())
    return "WEFT_LEGACY_STATIC is not set: meson test does";
  const needs& what = needs_of(row);
  servers& all = servers::of_process();
  if (!has_row(row)) return "built without the library (Debian: " + std::string(what.package) + ")";
  if (row == "libcurl https") all.start(server::dns);  // for a name to look up, if that can be had
  return all.start(what.from);
}

// WEFT_LEGACY_ALL=1: every row in every way; else each row linked shared, some in the others.
inline bool wants_all() { return std::getenv("WEFT_LEGACY_ALL") != nullptr; }

struct measured {
  double serial = 0;    // seconds, of one client
  double together = 0;  // of all
  double late_ms = 0;
  double latest_ms = 0;
  double slowed = 1;  // by what others computed on this machine
  int threads = 0;
  int threads_after = 0;
  int count = 0;
  std::string failure;  // what the client printed, if it ended badly

  double ratio() const { return together / (serial * count); }
};

inline measured read_measured(const weft_tests::child_end& end, int count) {
  measured one;
  if (end.status != 0) {
    one.failure = "status " + std::to_string(end.status) + ", signal " +
                  std::to_string(end.signal) + "\n" + end.output;
  }
  one.serial = value_in(end.output, "serial");
  one.together = value_in(end.output, "together");
  one.late_ms = value_in(end.output, "late_ms");
  one.latest_ms = value_in(end.output, "latest_ms");
  one.slowed = value_in(end.output, "slowed");
  one.threads = static_cast<int>(value_in(end.output, "threads"));
  one.threads_after = static_cast<int>(value_in(end.output, "threads_after"));
  one.count = count;
  return one;
}

// A line of the table: tests/legacy/run shows them.
inline void print_row(const std::string& row, linked how, const measured& one) {
  std::printf("[row] %-20s %-8s %4d %8.2f s %7.3f s %6.2f %% %7.2f ms %7.1f ms %4d %6.1f\n",
              row.c_str(), name_of(how), one.count, one.serial * one.count, one.together,
              100 * one.ratio(), one.late_ms, one.latest_ms, one.threads, one.slowed);
  std::fflush(stdout);
}

}  // namespace legacy
