// SPDX-License-Identifier: BSL-1.0
// Tables for a terminal: contenders down, cells across; as many lines as it takes to stay narrow.
#pragma once

#include <string>
#include <vector>

#include "cost/report.hpp"

namespace cost {

std::string table_text(const workload_result& of);
std::string programs_table(const std::vector<program_result>& all);
std::string instructions_table(const std::vector<instruction_count>& all);

// Rows of cells, the first being the head; every column as wide as its widest, the first one to the
// left, the others to the right.
std::string aligned(const std::vector<std::vector<std::string>>& rows);

}  // namespace cost
