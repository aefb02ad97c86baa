// SPDX-License-Identifier: BSL-1.0
// What one run has found, and its JSON. Everything that is shown (tables, Markdown, HTML, charts,
// verdicts, goals) is made from this and from nothing else, so a report can be drawn again from its
// JSON. The schema is described in README.md.
#pragma once

#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "cost/statistics.hpp"

namespace cost {

using json = nlohmann::ordered_json;

// One contender's part of a cell.
struct measured {
  std::string contender;
  std::vector<double> samples;  // in the workload's unit, in the order of the rounds
  summary stats;                // of samples
  std::optional<std::uint64_t> answer;
  std::string error;  // not empty: why there are no samples
};

struct cell_result {
  std::string id;
  std::string label;
  std::string series;
  double x = 0;
  std::optional<std::uint64_t> expected;  // the answer
  std::vector<measured> results;

  // nullptr: not measured, or failed
  const measured* find(const std::string& contender) const;
};

struct workload_result {
  std::string id, title, unit, x_name, question, method, why, choose_stackless, verdict_cell;
  std::vector<cell_result> cells;
  std::vector<std::string> skipped;  // what could not be measured, and why

  const cell_result* find(const std::string& cell) const;
};

// A program written twice: see programs.hpp.
struct program_side {
  std::string contender;  // "asm", "c++20-malloc"
  std::string source;
  int lines = 0;
  double allocations = 0;    // each operation
  double bytes_per_task = 0;
  std::vector<double> ns;    // samples, each operation
  std::string answer;
};
struct program_result {
  std::string id, title, what;
  std::vector<program_side> sides;
  std::vector<std::string> coloured;  // functions whose type or callers had to change
};

// Instructions per operation, by callgrind: the second figure, without noise.
struct instruction_count {
  std::string cell;
  std::string contender;
  double per_operation = 0;
};

struct report {
  std::string command;
  bool is_complete = true;
  bool is_quick = false;
  double seconds = 0;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<std::pair<std::string, std::string>> contenders;  // id, what
  std::vector<workload_result> workloads;
  std::vector<program_result> programs;
  std::vector<instruction_count> instructions;

  const workload_result* find(const std::string& workload) const;
  const cell_result* find_cell(const std::string& cell) const;
};

// A file that is no report of weft-cost, or not a sound one: says what is wrong with it.
class foreign_report : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

std::string to_json_text(const report& from);
report read_report(const std::string& file);  // Throws: foreign_report, std::system_error
void write_file(const std::string& file, const std::string& text);  // Throws: std::system_error

}  // namespace cost
