// SPDX-License-Identifier: BSL-1.0
// `weft-cost list` and `weft-cost explain`: the catalogue in words.
#pragma once

#include <string>

#include "cost/catalogue.hpp"

namespace cost {

std::string list_text();
std::string explain_text(const workload& which);

// At most so many columns, broken between words.
std::string wrapped(const std::string& text, std::size_t columns, const std::string& indent);

}  // namespace cost
