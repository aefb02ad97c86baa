// SPDX-License-Identifier: BSL-1.0
// See charts.hpp.
#include "cost/charts.hpp"

#include <algorithm>
#include <stdexcept>

namespace cost {
namespace {

std::string slug(std::string text) {
  std::replace(text.begin(), text.end(), ' ', '-');
  return text;
}

std::vector<std::string> series_of(const workload_result& work) {
  std::vector<std::string> all;
  for (const cell_result& cell : work.cells) {
    if (std::find(all.begin(), all.end(), cell.series) == all.end()) all.push_back(cell.series);
  }
  return all;
}

std::size_t points(const workload_result& work, const std::string& series) {
  std::size_t count = 0;
  for (const cell_result& cell : work.cells) count += cell.series == series && cell.x > 0;
  return count;
}

}  // namespace

std::vector<chart> charts_of(const workload_result& work) {
  std::vector<chart> all;
  if (work.cells.empty()) return all;
  if (!work.x_name.empty()) {
    for (const std::string& series : series_of(work)) {
      if (points(work, series) < 3) continue;
      all.push_back({all.empty() ? work.id : work.id + "-" + slug(series), work.id, series, ""});
    }
  }
  if (all.empty()) {
    const cell_result* const one = work.find(work.verdict_cell);
    all.push_back({work.id, work.id, "", one != nullptr ? one->id : work.cells.front().id});
  }
  return all;
}

std::vector<std::string> chart_ids(const report& from) {
  std::vector<std::string> all;
  for (const workload_result& work : from.workloads) {
    for (const chart& each : charts_of(work)) all.push_back(each.id);
  }
  return all;
}

std::string draw(const workload_result& work, const chart& which) {
  return which.has_lines() ? line_chart_svg(work, which) : dot_chart_svg(work, which);
}

std::string chart_svg(const report& from, const std::string& id) {
  for (const workload_result& work : from.workloads) {
    for (const chart& each : charts_of(work)) {
      if (each.id == id) return draw(work, each);
    }
  }
  std::string known;
  for (const std::string& each : chart_ids(from)) known += (known.empty() ? "" : ", ") + each;
  throw std::runtime_error("the report has no chart '" + id + "'; it has: " +
                           (known.empty() ? "none" : known));
}

}  // namespace cost
