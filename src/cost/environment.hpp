// SPDX-License-Identifier: BSL-1.0
// Where a report was made: what somebody needs to know before comparing it with another.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cost {

// In the order in which they are shown.
std::vector<std::pair<std::string, std::string>> describe_environment();

// Stays on the first core that this process may use; returns it, or -1.
int stay_on_one_core();

}  // namespace cost
