// SPDX-License-Identifier: BSL-1.0
// Numbers as people read them: three digits that mean something, the same in every kind of report.
#pragma once

#include <cmath>
#include <cstdio>
#include <string>

namespace cost {

inline std::string short_number(double value) {
  char text[40];
  const double size = std::fabs(value);
  const int decimals = size >= 100 || value == 0 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3;
  std::snprintf(text, sizeof text, "%.*f", decimals, value);
  std::string out = text;
  // 1234567 -> 1,234,567
  std::size_t end = out.find('.');
  if (end == std::string::npos) end = out.size();
  const std::size_t first = out[0] == '-' ? 1 : 0;
  for (std::size_t at = end; at > first + 3; at -= 3) out.insert(at - 3, ",");
  return out;
}

// "3.2x"
inline std::string ratio_text(double ratio) { return short_number(ratio) + "x"; }

}  // namespace cost
