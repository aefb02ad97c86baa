// SPDX-License-Identifier: BSL-1.0
// weft-audit's command line. Layer: hook, in the program weft-audit.
#pragma once

#include <stdexcept>
#include <string>
#include <vector>

#include "audit.hpp"

namespace weft_audit {

class bad_usage : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

struct command_line {
  bool wants_help = false;
  bool wants_version = false;
  options how;
  std::vector<std::string> binaries;
};

// Throws: bad_usage.
command_line read_command_line(int count, char** words);

extern const char help_text[];

}  // namespace weft_audit
