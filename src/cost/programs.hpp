// SPDX-License-Identifier: BSL-1.0
// One source, two costs: small programs, each written for fibers and for co_await, measured alike.
#pragma once

#include <string>
#include <vector>

#include "cost/catalogue.hpp"
#include "cost/report.hpp"

namespace cost {

std::vector<program_result> measure_programs(const request& what);

// Functions that stand in both sources under one name, and whose type is another.
std::vector<std::string> coloured_functions(const std::string& fibers,
                                            const std::string& coroutines);

}  // namespace cost
