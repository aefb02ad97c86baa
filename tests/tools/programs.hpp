// SPDX-License-Identifier: BSL-1.0
// Where the built tools are, and how the tests start them. Used by the tests of suite 'tools'.
#pragma once

#include <string>

#include "structure/source_tree.hpp"
#include "support/build_kind.hpp"
#include "support/emulated.hpp"

namespace weft_tests {

// Empty if it is not there, or not to be started without the emulator.
inline std::string path_of(const char* variable) {
  return is_emulated() ? std::string() : from_environment(variable);
}
inline std::string weft_run() { return path_of("WEFT_RUN"); }
inline std::string weft_audit_program() { return path_of("WEFT_AUDIT"); }

// nullptr: programs can be started with the library before the C library.
inline const char* why_no_preload() {
  if (is_emulated()) return "the emulator's programs are those of another machine";
  if (weft_run().empty()) return "weft-run is not built (-Dtools=disabled, or no shared library)";
  if (is_sanitized) return "a sanitizer's library wants to be first";
  return nullptr;
}

inline bool has_program(const std::string& name) {
  return run_command("command -v " + name).status == 0;
}

// With the tool's standard error among its output.
inline command_result run_tool(const std::string& tool, const std::string& arguments) {
  return run_command(in_quotes(tool) + " " + arguments);
}

inline bool says(const command_result& what, const std::string& text) {
  return what.output.find(text) != std::string::npos;
}

}  // namespace weft_tests
