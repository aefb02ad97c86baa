// SPDX-License-Identifier: BSL-1.0
// The charts of a report: lines where a workload has a size to vary, else a row of dots for each
// contender. What is drawn depends on the report alone.
#pragma once

#include <string>
#include <vector>

#include "cost/report.hpp"

namespace cost {

struct chart {
  std::string id;        // "depth", "depth-two-kinds", "spawn"
  std::string workload;
  std::string series;    // of a line chart
  std::string cell;      // of a dot chart
  bool has_lines() const { return cell.empty(); }
};

std::vector<chart> charts_of(const workload_result& work);
std::vector<std::string> chart_ids(const report& from);

std::string draw(const workload_result& work, const chart& which);
// Throws: std::runtime_error for a chart that this report has not
std::string chart_svg(const report& from, const std::string& id);

std::string line_chart_svg(const workload_result& work, const chart& which);
std::string dot_chart_svg(const workload_result& work, const chart& which);

}  // namespace cost
