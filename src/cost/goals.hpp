// SPDX-License-Identifier: BSL-1.0
// What weft wants to reach beside its peers, and whether a report shows that it does.
#pragma once

#include <string>
#include <vector>

#include "cost/report.hpp"

namespace cost {

struct goal_result {
  std::string what;       // "yield, 10 tasks"
  std::string cell;
  std::string contender;
  std::string peer;       // empty: at_most is a value in the workload's unit
  double at_most = 0;
  bool is_measured = false;
  double reached = 0;
  bool is_met() const { return is_measured && reached <= at_most; }
};

std::vector<goal_result> judge_goals(const report& from);
std::string goals_table(const report& from);

}  // namespace cost
