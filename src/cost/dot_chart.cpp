// SPDX-License-Identifier: BSL-1.0
// One row for each contender: every sample as a faint tick, the interquartile range as a bar, the
// median as a mark with its number. Nothing is hidden: outliers are ticks like the others.
#include <algorithm>
#include <vector>

#include "cost/charts.hpp"
#include "cost/format.hpp"
#include "cost/svg.hpp"
#include "cost/verdict.hpp"

namespace cost {
namespace {

constexpr double width = 760;
constexpr double left = 140, right = 660, top = 46, row_height = 24;

std::string row_svg(const measured& one, const axis& x, double y) {
  const look how = look_of(one.contender);
  std::string ticks;
  for (const double sample : one.samples) {
    if (sample > 0) ticks += "M" + fixed(x.at(sample)) + " " + fixed(y - 5) + "v10";
  }
  const double from = x.at(std::max(one.stats.q1, one.stats.median / 100));
  const double to = x.at(one.stats.q3);
  return "<g><title>" + escaped(one.contender) + ": " + short_number(one.stats.median) +
         "</title><text class=\"" + how.colour + (how.is_strong ? " bold" : "") + "\" x=\"" +
         fixed(left - 12) + "\" y=\"" + fixed(y + 4) + "\" text-anchor=\"end\">" +
         escaped(one.contender) + "</text><path class=\"line " + how.colour +
         "\" opacity=\".45\" d=\"" + ticks + "\"/><path class=\"line strong " + how.colour +
         "\" d=\"M" + fixed(from) + " " + fixed(y) + "H" + fixed(std::max(to, from + 0.5)) + "\"/>" +
         marker_svg(how, x.at(one.stats.median), y) + "<text x=\"" + fixed(right + 12) + "\" y=\"" +
         fixed(y + 4) + "\">" + short_number(one.stats.median) + (one.stats.is_wide() ? " ?" : "") +
         "</text></g>\n";
}

}  // namespace

std::string dot_chart_svg(const workload_result& work, const chart& which) {
  const cell_result& cell = *work.find(which.cell);
  std::vector<const measured*> rows;
  double least = 1e300, most = 0;
  for (const measured& each : cell.results) {
    if (!each.error.empty() || each.stats.median <= 0) continue;
    rows.push_back(&each);
    least = std::min(least, std::max(each.stats.least, each.stats.median / 4));
    most = std::max(most, each.stats.most);
  }
  std::sort(rows.begin(), rows.end(), [](const measured* a, const measured* b) {
    return a->stats.median != b->stats.median ? a->stats.median < b->stats.median
                                              : a->contender < b->contender;
  });
  const std::string heading = work.title + ": " + cell.label;
  std::string body = "<text class=\"title\" x=\"16\" y=\"20\">" + escaped(heading) + "</text>\n";
  const double bottom = top + row_height * static_cast<double>(rows.size());
  std::string order;
  if (!rows.empty()) {
    const axis x(least, most, left, right);
    for (const double tick : x.ticks()) {
      const std::string at = fixed(x.at(tick));
      body += "<path class=\"grid\" d=\"M" + at + " " + fixed(top - 8) + "V" + fixed(bottom) +
              "\"/><text class=\"faint\" text-anchor=\"middle\" x=\"" + at + "\" y=\"" +
              fixed(bottom + 18) + "\">" + short_number(tick) + "</text>\n";
    }
    double y = top + row_height / 2 - 4;
    for (const measured* const each : rows) {
      body += row_svg(*each, x, y);
      order += (order.empty() ? "" : ", ") + each->contender + " " + short_number(each->stats.median);
      y += row_height;
    }
    body += "<text class=\"faint\" text-anchor=\"middle\" x=\"" + fixed((left + right) / 2) +
            "\" y=\"" + fixed(bottom + 36) + "\">" + escaped(work.unit) + " (logarithmic)</text>\n";
  }
  return svg_document(which.id, width, bottom + 46, heading + ", " + work.unit,
                      "From least to most: " + order + ". " + judge(work).sentence, body);
}

}  // namespace cost
