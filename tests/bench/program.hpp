// SPDX-License-Identifier: BSL-1.0
// What every benchmark program does around its rows: arguments, one core, table, JSON.
#pragma once

#include <functional>
#include <vector>

#include "measure.hpp"
#include "report.hpp"

namespace cost {

struct arguments {
  pace speed;
  std::string filter;     // only rows whose name holds it
  std::string json;       // a file to write, or empty
  bool is_quick = false;  // a smoke run: short rounds, few of them, no row of 100,000
  bool is_large = false;  // rows that need gigabytes
};

struct program {
  const char* name;  // "yield"
  unit in;
  std::vector<row> (*rows)(const arguments& given);
  // nullptr: measure(). Others have a pace of their own, or count something that is not time.
  std::vector<row_result> (*take)(const row& what, const pace& how) = nullptr;
};

// Status 0 whatever the goals say: they tell where weft stands, and a noisy machine fails no build.
int run_program(const program& what, int argc, char** argv);

}  // namespace cost
