// SPDX-License-Identifier: BSL-1.0
// Instructions per operation, counted by callgrind: this program runs itself twice under valgrind
// with different numbers of operations, so that the setting up cancels out. No noise, but no caches
// and no predictions either: a second figure, not the first.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cost/catalogue.hpp"
#include "cost/report.hpp"

namespace cost {

// Empty where there is no valgrind.
std::vector<instruction_count> count_instructions(
    const request& what, const std::function<void(const std::string&)>& shows);

// What runs under valgrind.  Throws: std::runtime_error for an unknown cell or contender
void run_once(const std::string& cell, const std::string& contender, std::uint64_t operations);

}  // namespace cost
