// SPDX-License-Identifier: BSL-1.0
// Runs a measurement in a child process, with a time limit: a contender that crashes, hangs or
// throws ends that process, is named, and the others are measured again without it.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "cost/catalogue.hpp"

namespace cost {

struct finding {
  std::vector<std::vector<double>> samples;  // of each cell of the group
  std::uint64_t answer = contender::unchecked;
  std::string error;  // not empty: why there are no samples
};

using findings = std::map<std::string, finding>;  // by contender

// What is under way, for whoever shows progress. Called often.
using progress = std::function<void(const std::string& contender)>;

// Stops early, with what is there, once interrupted() is true.
findings measure_apart(const cell_group& group, const request& what, const progress& shows);

// Ctrl-C asks for a report of what has been measured so far; a second one ends the program.
void catch_interrupts();
bool interrupted();

}  // namespace cost
