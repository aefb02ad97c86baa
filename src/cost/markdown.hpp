// SPDX-License-Identifier: BSL-1.0
// A report as Markdown: tables and verdicts.
#pragma once

#include <string>

#include "cost/report.hpp"

namespace cost {

std::string markdown_text(const report& from);

// What a reader has to know before believing a comparison.
struct unfairness {
  const char* what;
  const char* how;
};
const std::vector<unfairness>& known_unfairness();

}  // namespace cost
