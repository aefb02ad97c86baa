// SPDX-License-Identifier: BSL-1.0
// Runs weft-cost. A build without it has no WEFT_COST, and its tests skip.
#pragma once

#include <nlohmann/json.hpp>

#include <string>

#include "structure/source_tree.hpp"
#include "support/skip.hpp"

namespace weft_tests {

constexpr const char* no_cost = "weft-cost is not built: -Dtools=disabled, or no CLI11";

inline bool has_cost() { return !from_environment("WEFT_COST").empty(); }

inline command_result weft_cost(const std::string& arguments) {
  return run_command(in_quotes(from_environment("WEFT_COST")) + " " + arguments);
}

// Two fast cells of four contenders: a second or two.
inline std::string small_run() {
  return "run --quick --workload switch --workload flat --contender asm --contender c++20 "
         "--contender call --contender fcontext";
}

inline nlohmann::json read_json(const fs::path& file) {
  return nlohmann::json::parse(read_file(file));
}

inline bool holds(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace weft_tests
