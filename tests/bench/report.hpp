// SPDX-License-Identifier: BSL-1.0
// Prints what was measured as a table and keeps it as JSON (compare.py makes Markdown of that).
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "measure.hpp"

namespace cost {

struct unit {
  const char* name;    // "ns"
  double per_raw = 1;  // what the rounds' numbers are divided by
  int decimals = 1;
};

// Rows against sides; then the ratios and the goals, each with whether it is met.
void print_table(std::FILE* to, const std::vector<row_result>& rows, const unit& in);

// Appends nothing: the file is this program's own. Returns false if it can't be written.
bool write_json(const std::string& file, const std::string& program,
                const std::vector<row_result>& rows, const unit& in);

}  // namespace cost
