// SPDX-License-Identifier: BSL-1.0
// See compare.hpp. Absolute times drift with the machine, so each change is shown twice: as it is,
// and relative to the drift of the whole run (the median change of all that weft had no part in).
#include "cost/compare.hpp"

#include <vector>

#include "cost/format.hpp"
#include "cost/table.hpp"

namespace cost {
namespace {

bool is_weft(const std::string& id) {
  return id == "fcontext" || id == "asm" || id == "asm-inline";
}

// Beyond both interquartile ranges.
bool is_beyond_noise(const summary& before, const summary& after) {
  return after.q1 > before.q3 || after.q3 < before.q1;
}

struct change {
  const cell_result* cell;
  const measured* before;
  const measured* after;
  double ratio() const { return after->stats.median / before->stats.median; }
};

std::vector<change> changes_between(const report& before, const report& after) {
  std::vector<change> all;
  for (const workload_result& work : after.workloads) {
    for (const cell_result& cell : work.cells) {
      const cell_result* const old = before.find_cell(cell.id);
      if (old == nullptr) continue;
      for (const measured& now : cell.results) {
        const measured* const then = old->find(now.contender);
        if (then == nullptr || !now.error.empty() || then->stats.median == 0) continue;
        all.push_back({&cell, then, &now});
      }
    }
  }
  return all;
}

std::string environment_changes(const report& before, const report& after) {
  std::string text;
  for (const auto& [name, value] : after.environment) {
    for (const auto& [old_name, old_value] : before.environment) {
      if (name != old_name || value == old_value || name == "load before") continue;
      text += "  " + name + ": " + old_value + " -> " + value + "\n";
    }
  }
  return text.empty() ? "" : "What differs about the machine and the build\n" + text + "\n";
}

}  // namespace

std::string compare_text(const report& before, const report& after) {
  const std::vector<change> all = changes_between(before, after);
  if (all.empty()) return "The two reports have no cell in common.\n";
  std::vector<double> drift;
  for (const change& each : all) {
    if (!is_weft(each.after->contender)) drift.push_back(each.ratio());
  }
  const double drifted = drift.empty() ? 1 : summarise(drift).median;
  std::vector<std::vector<std::string>> rows = {
      {"cell", "contender", "before", "after", "change", "without drift"}};
  std::size_t quiet = 0;
  for (const change& each : all) {
    if (!is_beyond_noise(each.before->stats, each.after->stats)) {
      ++quiet;
      continue;
    }
    rows.push_back({each.cell->id, each.after->contender, short_number(each.before->stats.median),
                    short_number(each.after->stats.median), ratio_text(each.ratio()),
                    ratio_text(each.ratio() / drifted)});
  }
  return environment_changes(before, after) + aligned(rows) + "\n  " + std::to_string(quiet) +
         " of " + std::to_string(all.size()) +
         " results are within the noise of the two runs. Contenders other than weft changed by " +
         ratio_text(drifted) + " (median): the drift of the machine.\n";
}

}  // namespace cost
