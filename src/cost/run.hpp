// SPDX-License-Identifier: BSL-1.0
// `weft-cost run`: measures what is asked for, shows it as it comes, and writes the reports.
#pragma once

#include <string>
#include <vector>

namespace cost {

struct run_options {
  bool is_quick = false;
  bool shows_goals = false;
  bool counts_instructions = true;
  std::vector<std::string> workloads;   // ids; empty: all
  std::vector<std::string> contenders;  // ids; empty: all that this build has
  std::string json_file;
  std::string html_file;
  std::string markdown_file;
  std::string command;  // as it was typed
};

// The exit status: 0; 1, a contender failed or a file could not be written; 130, interrupted.
int run(const run_options& how);

}  // namespace cost
