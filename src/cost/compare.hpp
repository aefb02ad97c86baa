// SPDX-License-Identifier: BSL-1.0
// `weft-cost compare A.json B.json`: what differs between two runs, and by more than their noise.
#pragma once

#include <string>

#include "cost/report.hpp"

namespace cost {

std::string compare_text(const report& before, const report& after);

}  // namespace cost
