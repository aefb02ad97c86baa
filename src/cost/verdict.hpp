// SPDX-License-Identifier: BSL-1.0
// Who wins a workload, and by how much: weft's best against the best without stacks.
#pragma once

#include <string>

#include "cost/report.hpp"

namespace cost {

struct verdict {
  std::string winner;    // "stackful", "stackless", "neither"; empty: not both were measured
  std::string sentence;  // "c++20 wins by 3.1x over asm (10 tasks): 2.9 against 9.0 ns."
  double ratio = 0;      // of the slower to the faster
};

verdict judge(const workload_result& of);

// Where weft's line meets that of C++20, on the way from x to x: 0 if it does not.
double crossover(const std::vector<std::pair<double, double>>& one,
                 const std::vector<std::pair<double, double>>& other);

}  // namespace cost
