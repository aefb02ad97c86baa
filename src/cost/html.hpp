// SPDX-License-Identifier: BSL-1.0
// A report as one page that needs nothing else: charts, a table beside each, verdicts. It follows the
// reader's light or dark, and can be used by keyboard and read aloud.
#pragma once

#include <string>

#include "cost/report.hpp"

namespace cost {

std::string html_text(const report& from);

// Parts of it: html_parts.cpp.
std::string page_style();
std::string summary_table(const report& from);
std::string programs_section(const report& from);
std::string goals_section(const report& from);
std::string environment_section(const report& from);
std::string tag(const std::string& name, const std::string& text);  // escapes text

}  // namespace cost
