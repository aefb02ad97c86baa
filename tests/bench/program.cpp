// SPDX-License-Identifier: BSL-1.0
// The frame of a benchmark program: see program.hpp.
#include "program.hpp"

#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>

namespace cost {
namespace {

constexpr const char* usage =
    "usage: bench_%s [--filter TEXT] [--rounds N] [--round-ms N] [--json FILE] [--quick] "
    "[--large]\n"
    "Prints what one operation costs each side, beside the ratio to the row's peer, then the "
    "goals.\n";

[[noreturn]] void refuse(const program& what, const char* argument) {
  std::fprintf(stderr, "bench_%s does not know '%s'\n", what.name, argument);
  std::fprintf(stderr, usage, what.name);
  std::exit(2);
}

double positive(const program& what, const char* text) {
  char* end = nullptr;
  const double value = std::strtod(text, &end);
  if (*end != '\0' || !(value >= 1)) refuse(what, text);
  return value;
}

arguments parse(const program& what, int argc, char** argv) {
  arguments given;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--help" || name == "-h") {
      std::printf(usage, what.name);
      std::exit(0);
    } else if (name == "--quick") {
      given.is_quick = true;
      given.speed.rounds = 3;
      given.speed.round_ns = 1e6;
    } else if (name == "--large") {
      given.is_large = true;
    } else if (i + 1 == argc) {
      refuse(what, argv[i]);
    } else if (name == "--filter") {
      given.filter = argv[++i];
    } else if (name == "--json") {
      given.json = argv[++i];
    } else if (name == "--rounds") {
      given.speed.rounds = static_cast<unsigned>(positive(what, argv[++i]));
    } else if (name == "--round-ms") {
      given.speed.round_ns = positive(what, argv[++i]) * 1e6;
    } else {
      refuse(what, argv[i]);
    }
  }
  return given;
}

// The core that we are on: any will do, as long as it stays the same.
void stay_on_one_core() {
  const int core = ::sched_getcpu();
  if (core < 0) return;
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(static_cast<unsigned>(core), &only);
  ::sched_setaffinity(0, sizeof only, &only);
}

int run_rows(const program& what, const arguments& given) {
  stay_on_one_core();
  std::vector<row_result> results;
  for (const row& each : what.rows(given)) {
    if (each.name.find(given.filter) == std::string::npos) continue;
    if (::isatty(2)) std::fprintf(stderr, "\r\033[K%s: %s", what.name, each.name.c_str());
    if (what.take == nullptr) {
      results.push_back(measure(each, given.speed));
    } else {
      for (row_result& one : what.take(each, given.speed)) results.push_back(std::move(one));
    }
  }
  if (::isatty(2)) std::fputs("\r\033[K", stderr);
  std::printf("%s\n", what.name);
  print_table(stdout, results, what.in);
  if (!given.json.empty() && !write_json(given.json, what.name, results, what.in)) {
    std::fprintf(stderr, "cannot write %s\n", given.json.c_str());
    return 1;
  }
  return 0;
}

}  // namespace

int run_program(const program& what, int argc, char** argv) {
  const arguments given = parse(what, argc, argv);
  try {
    return run_rows(what, given);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench_%s: %s\n", what.name, error.what());
    return 1;
  }
}

}  // namespace cost
