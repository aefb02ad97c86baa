// SPDX-License-Identifier: BSL-1.0
// Lines over a size, both axes logarithmic, each with its name at its end; where weft's line and that
// of C++20 cross, the place is marked.
#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "cost/charts.hpp"
#include "cost/format.hpp"
#include "cost/svg.hpp"
#include "cost/verdict.hpp"

namespace cost {
namespace {

constexpr double width = 760, height = 430;
constexpr double left = 62, right = 610, top = 46, bottom = 380;

struct line {
  std::string contender;
  std::vector<std::pair<double, double>> points;  // x, median
  std::vector<std::pair<double, double>> ranges;  // q1, q3
};

std::vector<line> lines_of(const workload_result& work, const std::string& series) {
  std::vector<line> all;
  for (const cell_result& cell : work.cells) {
    if (cell.series != series || cell.x <= 0) continue;
    for (const measured& each : cell.results) {
      // A call that could be measured in less than nothing has no place on a logarithmic axis.
      if (!each.error.empty() || each.stats.median <= 0) continue;
      auto at = std::find_if(all.begin(), all.end(),
                             [&](const line& one) { return one.contender == each.contender; });
      if (at == all.end()) at = all.insert(all.end(), line{each.contender, {}, {}});
      at->points.emplace_back(cell.x, each.stats.median);
      at->ranges.emplace_back(std::max(each.stats.q1, each.stats.median / 4), each.stats.q3);
    }
  }
  return all;
}

std::string text_at(double x, double y, const std::string& what, const std::string& attributes) {
  return "<text x=\"" + fixed(x) + "\" y=\"" + fixed(y) + "\" " + attributes + ">" + escaped(what) +
         "</text>\n";
}

std::string axes_svg(const workload_result& work, const axis& x, const axis& y,
                     const std::vector<double>& sizes) {
  std::string out;
  for (const double tick : y.ticks()) {
    out += "<path class=\"grid\" d=\"M" + fixed(left) + " " + fixed(y.at(tick)) + "H" +
           fixed(right) + "\"/>" +
           text_at(left - 7, y.at(tick) + 4, short_number(tick), "class=\"faint\" text-anchor=\"end\"");
  }
  for (const double size : sizes) {
    out += "<path class=\"grid\" d=\"M" + fixed(x.at(size)) + " " + fixed(bottom) + "v5\"/>" +
           text_at(x.at(size), bottom + 19,
                   size == std::floor(size) ? short_number(size).substr(0, short_number(size).find('.'))
                                            : short_number(size),
                   "class=\"faint\" text-anchor=\"middle\"");
  }
  out += "<path class=\"grid\" d=\"M" + fixed(left) + " " + fixed(bottom) + "H" + fixed(right) + "\"/>";
  out += text_at((left + right) / 2, height - 12, work.x_name, "text-anchor=\"middle\"");
  out += text_at(left, top - 10, work.unit + " (logarithmic)", "class=\"faint\" text-anchor=\"middle\"");
  return out;
}

std::string line_svg(const line& one, const axis& x, const axis& y) {
  const look how = look_of(one.contender);
  std::string path;
  std::string whiskers;
  std::string marks;
  for (std::size_t i = 0; i < one.points.size(); ++i) {
    const double at_x = x.at(one.points[i].first);
    const double at_y = y.at(one.points[i].second);
    path += (i == 0 ? "M" : "L") + fixed(at_x) + " " + fixed(at_y);
    whiskers += "M" + fixed(at_x) + " " + fixed(y.at(one.ranges[i].first)) + "V" +
                fixed(y.at(one.ranges[i].second));
    marks += marker_svg(how, at_x, at_y);
  }
  const std::string dashes = how.dash.empty() ? "" : " stroke-dasharray=\"" + how.dash + "\"";
  return "<g><title>" + escaped(one.contender) + "</title><path class=\"line " + how.colour +
         (how.is_strong ? " strong" : "") + "\"" + dashes + " d=\"" + path +
         "\"/><path class=\"line " + how.colour + "\" d=\"" + whiskers + "\"/>" + marks + "</g>\n";
}

// Names at the lines' ends, pushed apart until none covers another.
std::string names_svg(const std::vector<line>& lines, const axis& x, const axis& y) {
  struct name {
    const line* of;
    double want, y;
  };
  std::vector<name> names;
  for (const line& one : lines) {
    const double at = y.at(one.points.back().second);
    names.push_back({&one, at, at});
  }
  std::sort(names.begin(), names.end(), [](const name& a, const name& b) {
    return a.want != b.want ? a.want < b.want : a.of->contender < b.of->contender;
  });
  constexpr double apart = 15;
  for (std::size_t i = 1; i < names.size(); ++i) {
    names[i].y = std::max(names[i].y, names[i - 1].y + apart);
  }
  double limit = bottom + 10;
  for (std::size_t i = names.size(); i-- > 0; limit = names[i].y - apart) {
    names[i].y = std::min(names[i].y, limit);
  }
  std::string out;
  for (const name& one : names) {
    const look how = look_of(one.of->contender);
    const double from = x.at(one.of->points.back().first) + 6;
    out += "<path class=\"grid\" d=\"M" + fixed(from) + " " + fixed(one.want) + "L" +
           fixed(right + 14) + " " + fixed(one.y) + "\"/>" + marker_svg(how, right + 20, one.y) +
           text_at(right + 29, one.y + 4, one.of->contender,
                   "class=\"" + how.colour + (how.is_strong ? " bold" : "") + "\"");
  }
  return out;
}

const line* find_line(const std::vector<line>& all, const std::string& contender) {
  for (const line& one : all) {
    if (one.contender == contender) return &one;
  }
  return nullptr;
}

struct crossing {
  double x = 0;
  std::string sentence;
};

crossing crossing_of(const std::vector<line>& all, const workload_result& work) {
  const line* const with = find_line(all, "asm") != nullptr ? find_line(all, "asm") : find_line(all, "fcontext");
  const line* const without = find_line(all, "c++20");
  if (with == nullptr || without == nullptr) return {};
  const double at = crossover(with->points, without->points);
  if (at == 0) return {};
  return {at, with->contender + " and c++20 cross at " + short_number(at) + " " + work.x_name + "."};
}

std::string crossing_svg(const crossing& where, const axis& x) {
  if (where.x == 0) return "";
  const double at = x.at(where.x);
  const bool is_right = at > (left + right) / 2;
  return "<path class=\"cross\" d=\"M" + fixed(at) + " " + fixed(top) + "V" + fixed(bottom) + "\"/>" +
         text_at(at + (is_right ? -6 : 6), top + 12, "crossover at " + short_number(where.x),
                 std::string("class=\"bold\" text-anchor=\"") + (is_right ? "end" : "start") + "\"");
}

}  // namespace

std::string line_chart_svg(const workload_result& work, const chart& which) {
  const std::vector<line> lines = lines_of(work, which.series);
  double least = 1e300, most = 0;
  std::vector<double> sizes;
  for (const line& one : lines) {
    for (std::size_t i = 0; i < one.points.size(); ++i) {
      least = std::min({least, one.ranges[i].first, one.points[i].second});
      most = std::max({most, one.ranges[i].second, one.points[i].second});
      sizes.push_back(one.points[i].first);
    }
  }
  std::sort(sizes.begin(), sizes.end());
  sizes.erase(std::unique(sizes.begin(), sizes.end()), sizes.end());
  const std::string heading =
      work.title + (which.series.empty() || which.series == "alike" ? "" : ": " + which.series);
  if (lines.empty()) {
    return svg_document(which.id, width, 60, heading, "Nothing was measured.", text_at(left, 30, heading, ""));
  }
  const axis x(sizes.front(), sizes.back(), left + 8, right - 8);
  const axis y(least, most, bottom, top + 4);
  const crossing where = crossing_of(lines, work);
  std::string names;
  for (const line& one : lines) names += (names.empty() ? "" : ", ") + one.contender;
  std::string body = text_at(left - 46, 20, heading, "class=\"title\"");
  body += axes_svg(work, x, y, sizes) + crossing_svg(where, x);
  for (const bool strong : {false, true}) {
    for (const line& one : lines) {
      if (look_of(one.contender).is_strong == strong) body += line_svg(one, x, y);
    }
  }
  body += names_svg(lines, x, y);
  return svg_document(which.id, width, height, heading + ", " + work.unit,
                      "Lines of " + work.unit + " against " + work.x_name + " for " + names + ". " +
                          where.sentence + " The table has the numbers.",
                      body);
}

}  // namespace cost
