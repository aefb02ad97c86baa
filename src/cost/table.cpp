// SPDX-License-Identifier: BSL-1.0
// See table.hpp.
#include "cost/table.hpp"

#include <algorithm>

#include "cost/format.hpp"
#include "cost/verdict.hpp"

namespace cost {
namespace {

std::vector<std::string> contenders_of(const workload_result& of) {
  std::vector<std::string> all;
  for (const cell_result& cell : of.cells) {
    for (const measured& each : cell.results) {
      if (std::find(all.begin(), all.end(), each.contender) == all.end()) {
        all.push_back(each.contender);
      }
    }
  }
  return all;
}

std::string value_text(const cell_result& cell, const std::string& contender) {
  for (const measured& each : cell.results) {
    if (each.contender != contender) continue;
    if (!each.error.empty()) return "failed";
    return short_number(each.stats.median) + (each.stats.is_wide() ? " ?" : "");
  }
  return "-";
}

}  // namespace

std::string aligned(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const auto& row : rows) {
    std::string line = "  ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string padding(widths[i] - row[i].size(), ' ');
      line += i == 0 ? row[i] + padding : "  " + padding + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  return text;
}

std::string table_text(const workload_result& of) {
  std::string text = of.title + ", " + of.unit + "  (" + of.id + ")\n";
  constexpr std::size_t columns = 6;
  const std::vector<std::string> names = contenders_of(of);
  bool is_wide = false;
  for (std::size_t from = 0; from < of.cells.size(); from += columns) {
    const std::size_t to = std::min(from + columns, of.cells.size());
    std::vector<std::vector<std::string>> rows = {{""}};
    for (std::size_t i = from; i < to; ++i) {
      rows[0].push_back(of.cells[i].id.substr(of.cells[i].id.find('/') + 1));
    }
    for (const std::string& name : names) {
      rows.push_back({name});
      for (std::size_t i = from; i < to; ++i) {
        rows.back().push_back(value_text(of.cells[i], name));
        is_wide = is_wide || rows.back().back().find('?') != std::string::npos;
      }
    }
    text += aligned(rows);
  }
  for (const cell_result& cell : of.cells) {
    for (const measured& each : cell.results) {
      if (!each.error.empty()) {
        text += "  ! " + each.contender + ", " + cell.label + ": " + each.error + "\n";
      }
    }
  }
  for (const std::string& each : of.skipped) text += "  not measured: " + each + "\n";
  if (is_wide) text += "  ?  a quarter of the rounds is more than 10 % off: measure again\n";
  const verdict judged = judge(of);
  if (!judged.sentence.empty()) text += "  " + judged.sentence + "\n";
  return text + "\n";
}

std::string programs_table(const std::vector<program_result>& all) {
  if (all.empty()) return "";
  std::vector<std::vector<std::string>> rows = {
      {"", "", "lines", "allocations", "bytes a task", "ns"}};
  for (const program_result& program : all) {
    for (const program_side& side : program.sides) {
      rows.push_back({program.id, side.contender, std::to_string(side.lines),
                      short_number(side.allocations), short_number(side.bytes_per_task),
                      short_number(summarise(side.ns).median)});
    }
  }
  return "One source, two costs, each operation\n" + aligned(rows) + "\n";
}

std::string instructions_table(const std::vector<instruction_count>& all) {
  if (all.empty()) return "";
  std::vector<std::vector<std::string>> rows = {{"", "", "instructions"}};
  for (const instruction_count& each : all) {
    rows.push_back({each.cell, each.contender, short_number(each.per_operation)});
  }
  return "Instructions per operation, by callgrind\n" + aligned(rows) + "\n";
}

}  // namespace cost
