// SPDX-License-Identifier: BSL-1.0
// weft-run's command line. Layer: hook, in the program weft-run.
#pragma once

#include <stdexcept>
#include <string>

namespace weft_run {

// What ends weft-run before the program begins: printed, and `status` is its exit status.
class failure : public std::runtime_error {
 public:
  failure(int status, const std::string& text) : std::runtime_error(text), status_(status) {}
  int status() const noexcept { return status_; }

 private:
  int status_;
};

// As env(1), nohup(1) and shells have them.
constexpr int bad_usage = 2;
constexpr int cannot_execute = 126;
constexpr int not_found = 127;

struct command_line {
  bool wants_help = false;
  bool wants_version = false;
  bool locks = false;
  bool files = false;
  bool stats = false;
  bool off = false;
  char** program = nullptr;  // PROGRAM and its arguments, as execvp() takes them
};

// Throws: failure.
command_line read_command_line(int count, char** words);

extern const char help_text[];

}  // namespace weft_run
