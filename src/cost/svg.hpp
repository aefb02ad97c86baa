// SPDX-License-Identifier: BSL-1.0
// What both kinds of chart are drawn with: escaped text, fixed decimals (so that the same report
// gives the same bytes), logarithmic axes, and a style that follows the reader's light or dark.
#pragma once

#include <string>
#include <vector>

namespace cost {

std::string escaped(const std::string& text);  // for XML and HTML
std::string fixed(double value);                // "12.3": one decimal

// From values to places, logarithmic.
class axis {
 public:
  axis(double least, double most, double from, double to);
  double at(double value) const;
  std::vector<double> ticks() const;  // 1, 2 and 5 times powers of ten, or powers alone if many

 private:
  double least_, most_, from_, to_;
};

// How a contender is drawn, the same in every chart: class names of the style.
struct look {
  std::string colour;  // "stackful"
  std::string dash;    // stroke-dasharray, or empty
  char marker = 'c';   // c circle, s square, t triangle, d diamond
  bool is_strong = false;
};
look look_of(const std::string& contender);

std::string marker_svg(const look& how, double x, double y);

// The document around `body`. `id` makes the names in it unique within a page.
std::string svg_document(const std::string& id, double width, double height,
                         const std::string& title, const std::string& description,
                         const std::string& body);

}  // namespace cost
