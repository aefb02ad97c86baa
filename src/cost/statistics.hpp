// SPDX-License-Identifier: BSL-1.0
// What raw samples say: the median, the quartiles, who lies far out. Anybody can redo it from the
// JSON: quartiles by linear interpolation between order statistics (R's type 7, numpy's default).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace cost {

struct summary {
  double median = 0;
  double q1 = 0;
  double q3 = 0;
  double least = 0;
  double most = 0;
  std::vector<std::size_t> outliers;  // places of samples beyond 1.5 interquartile ranges (Tukey)

  // A quarter of the rounds lies further off than this share of the median.
  double spread() const { return median == 0 ? 0 : (q3 - q1) / std::fabs(median); }
  bool is_wide() const { return spread() > 0.1; }
};

// `sorted` must not be empty.
inline double quantile(const std::vector<double>& sorted, double share) {
  const double place = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(place);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  return sorted[below] + (place - static_cast<double>(below)) * (sorted[above] - sorted[below]);
}

inline summary summarise(const std::vector<double>& samples) {
  summary all;
  if (samples.empty()) return all;
  std::vector<double> sorted = samples;
  std::sort(sorted.begin(), sorted.end());
  all.median = quantile(sorted, 0.5);
  all.q1 = quantile(sorted, 0.25);
  all.q3 = quantile(sorted, 0.75);
  all.least = sorted.front();
  all.most = sorted.back();
  const double reach = 1.5 * (all.q3 - all.q1);
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i] < all.q1 - reach || samples[i] > all.q3 + reach) all.outliers.push_back(i);
  }
  return all;
}

// The median of the rounds' ratios: a round's neighbours had the same machine.
inline double paired_ratio(const std::vector<double>& upper, const std::vector<double>& lower) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < upper.size() && i < lower.size(); ++i) {
    if (lower[i] != 0) ratios.push_back(upper[i] / lower[i]);
  }
  return summarise(ratios).median;
}

}  // namespace cost
