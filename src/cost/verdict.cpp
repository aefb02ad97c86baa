// SPDX-License-Identifier: BSL-1.0
// See verdict.hpp.
#include "cost/verdict.hpp"

#include <cmath>

#include "cost/format.hpp"

namespace cost {
namespace {

// As shipped and the opt-in; hand-written callbacks are a floor, not a way to write programs.
constexpr const char* stackful[] = {"fcontext", "asm", "asm-inline"};
constexpr const char* stackless[] = {"c++20", "c++20-malloc", "asio-awaitable"};

template <std::size_t N>
const measured* best_of(const cell_result& cell, const char* const (&ids)[N]) {
  const measured* best = nullptr;
  for (const char* const id : ids) {
    const measured* const one = cell.find(id);
    if (one != nullptr && (best == nullptr || one->stats.median < best->stats.median)) best = one;
  }
  return best;
}

}  // namespace

verdict judge(const workload_result& of) {
  verdict result;
  const cell_result* cell = of.find(of.verdict_cell);
  if (cell == nullptr) {  // a quick run has smaller ones
    for (const cell_result& each : of.cells) {
      if (best_of(each, stackful) != nullptr && best_of(each, stackless) != nullptr) {
        cell = &each;
        break;
      }
    }
  }
  if (cell == nullptr) return result;
  const measured* const with = best_of(*cell, stackful);
  const measured* const without = best_of(*cell, stackless);
  if (with == nullptr || without == nullptr) return result;
  const double ratio = paired_ratio(with->samples, without->samples);
  const bool stackless_wins = ratio > 1;
  result.ratio = stackless_wins ? ratio : 1 / ratio;
  const measured& first = stackless_wins ? *without : *with;
  const measured& second = stackless_wins ? *with : *without;
  const std::string where = " (" + cell->label + "): " + short_number(first.stats.median) +
                            " against " + short_number(second.stats.median) + " " + of.unit + ".";
  if (result.ratio < 1.1) {
    result.winner = "neither";
    result.sentence = "Neither wins: " + with->contender + " and " + without->contender +
                      " are within 10 %" + where;
  } else {
    result.winner = stackless_wins ? "stackless" : "stackful";
    result.sentence = std::string(stackless_wins ? "Stackless" : "Stackful") + " wins by " +
                      ratio_text(result.ratio) + ": " + first.contender + " over " +
                      second.contender + where;
  }
  return result;
}

double crossover(const std::vector<std::pair<double, double>>& one,
                 const std::vector<std::pair<double, double>>& other) {
  for (std::size_t i = 1; i < one.size() && i < other.size(); ++i) {
    const double before = std::log(one[i - 1].second / other[i - 1].second);
    const double after = std::log(one[i].second / other[i].second);
    if (before == 0 || before * after > 0) continue;
    const double share = before / (before - after);  // on logarithmic axes
    const double from = std::log(one[i - 1].first);
    return std::exp(from + share * (std::log(one[i].first) - from));
  }
  return 0;
}

}  // namespace cost
