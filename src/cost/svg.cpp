// SPDX-License-Identifier: BSL-1.0
// See svg.hpp.
#include "cost/svg.hpp"

#include <cmath>
#include <cstdio>

#include "cost/catalogue.hpp"

namespace cost {

std::string escaped(const std::string& text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string fixed(double value) {
  char text[40];
  std::snprintf(text, sizeof text, "%.1f", value == 0 ? 0.0 : value);
  return text;
}

axis::axis(double least, double most, double from, double to)
    : least_(std::log10(least)), most_(std::log10(most)), from_(from), to_(to) {
  if (most_ - least_ < 0.3) {  // a factor of two at least, or noise fills the chart
    const double middle = (least_ + most_) / 2;
    least_ = middle - 0.15;
    most_ = middle + 0.15;
  }
}

double axis::at(double value) const {
  return from_ + (std::log10(value) - least_) / (most_ - least_) * (to_ - from_);
}

std::vector<double> axis::ticks() const {
  std::vector<double> all;
  const bool is_wide = most_ - least_ > 2.2;
  for (int power = static_cast<int>(std::floor(least_)); power <= std::ceil(most_); ++power) {
    for (const double step : {1.0, 2.0, 5.0}) {
      if (is_wide && step != 1) continue;
      const double place = power + std::log10(step);
      if (place >= least_ - 1e-9 && place <= most_ + 1e-9) all.push_back(step * std::pow(10.0, power));
    }
  }
  return all;
}

look look_of(const std::string& contender) {
  const contender_info* const info = find_contender(contender);
  look how;
  how.colour = info == nullptr ? "floor" : kind_name(info->kind);
  how.is_strong = contender == "asm" || contender == "fcontext" || contender == "c++20" ||
                  contender == "c++20-malloc";
  // Never by colour alone: each line has a marker, dashes and its name beside it.
  if (contender == "fcontext" || contender == "c++20-malloc") how.dash = "7 3";
  if (contender == "asm-inline") how.dash = "2 3";
  if (contender == "boost.fiber" || contender == "callback" || contender == "process") how.dash = "1 4";
  if (contender == "fcontext-plain" || contender == "ucontext") how.dash = "9 3 2 3";
  how.marker = info == nullptr                                ? 'd'
               : info->kind == contender_kind::stackless ? 's'
               : info->kind == contender_kind::language  ? 't'
               : info->kind == contender_kind::stackful  ? 'c'
                                                         : 'd';
  return how;
}

std::string marker_svg(const look& how, double x, double y) {
  const double r = how.is_strong ? 4 : 3;
  const std::string what = "class=\"mark " + how.colour + "\"";
  switch (how.marker) {
    case 's':
      return "<rect " + what + " x=\"" + fixed(x - r) + "\" y=\"" + fixed(y - r) + "\" width=\"" +
             fixed(2 * r) + "\" height=\"" + fixed(2 * r) + "\"/>";
    case 't':
      return "<path " + what + " d=\"M" + fixed(x) + " " + fixed(y - r) + "L" + fixed(x + r) + " " +
             fixed(y + r) + "H" + fixed(x - r) + "Z\"/>";
    case 'd':
      return "<path " + what + " d=\"M" + fixed(x) + " " + fixed(y - r) + "L" + fixed(x + r) + " " +
             fixed(y) + "L" + fixed(x) + " " + fixed(y + r) + "L" + fixed(x - r) + " " + fixed(y) +
             "Z\"/>";
    default:
      return "<circle " + what + " cx=\"" + fixed(x) + "\" cy=\"" + fixed(y) + "\" r=\"" + fixed(r) +
             "\"/>";
  }
}

std::string svg_document(const std::string& id, double width, double height,
                         const std::string& title, const std::string& description,
                         const std::string& body) {
  // Colours that keep a contrast of 4.5 : 1 with their ground, and differ for the colour-blind.
  const std::string scope = "#chart-" + id;
  const auto rule = [&](const std::string& what, const std::string& how) {
    return scope + " " + what + "{" + how + "}";
  };
  std::string style = scope +
                      "{--ground:#fff;--ink:#1c2128;--faint:#59636e;--grid:#d8dee4;"
                      "--stackful:#0550ae;--stackless:#b03a00;--floor:#59636e;--system:#6b3fa0;"
                      "--language:#116329;font:12px system-ui,sans-serif;background:var(--ground)}";
  style += "@media(prefers-color-scheme:dark){" + scope +
           "{--ground:#12161c;--ink:#e6edf3;--faint:#9da7b3;--grid:#30363d;--stackful:#79b8ff;"
           "--stackless:#ffa657;--floor:#9da7b3;--system:#c8a6ff;--language:#7ee787}}";
  style += rule(".ground", "fill:var(--ground)") + rule("text", "fill:var(--ink)") +
           rule(".faint", "fill:var(--faint)") + rule(".grid", "stroke:var(--grid);fill:none") +
           rule(".line", "fill:none;stroke-width:1.2") + rule(".strong", "stroke-width:2.6") +
           rule(".title", "font-weight:600;font-size:15px") +
           rule(".bold", "font-weight:600") +
           rule(".cross", "stroke:var(--ink);stroke-width:1;stroke-dasharray:3 3");
  for (const char* const kind : {"stackful", "stackless", "floor", "system", "language"}) {
    const std::string colour = std::string("var(--") + kind + ")";
    style += rule(std::string(".line.") + kind, "stroke:" + colour) +
             rule(std::string(".mark.") + kind, "fill:" + colour) +
             rule(std::string("text.") + kind, "fill:" + colour);
  }
  return "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"chart-" + id + "\" viewBox=\"0 0 " +
         fixed(width) + " " + fixed(height) + "\" width=\"" + fixed(width) + "\" height=\"" +
         fixed(height) + "\" role=\"img\" aria-labelledby=\"title-" + id + " desc-" + id +
         "\">\n<title id=\"title-" + id + "\">" + escaped(title) + "</title>\n<desc id=\"desc-" +
         id + "\">" + escaped(description) + "</desc>\n<style>" + style +
         "</style>\n<rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n" + body + "</svg>\n";
}

}  // namespace cost
