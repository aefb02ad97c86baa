// SPDX-License-Identifier: BSL-1.0
// Runs the Python programs of this folder and takes their output apart. Knows nothing of weft.
#pragma once

#include <sys/wait.h>

#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "structure/source_tree.hpp"

namespace weft_tests {

inline fs::path asyncio_folder() { return source_root() / "tests" / "asyncio"; }

// Runs the interpreter in tests/asyncio; what it writes to stderr goes to the test's own.
inline command_result run_python(const std::string& arguments) {
  command_result result{-1, {}};
  const std::string interpreter = from_environment("WEFT_PYTHON");
  // -B: leaves no __pycache__ in the source tree.
  const std::string command = "cd " + in_quotes(asyncio_folder()) + " && exec " +
                              in_quotes(interpreter) + " -B " + arguments;
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  while (const std::size_t bytes = std::fread(buffer, 1, sizeof buffer, pipe)) {
    result.output.append(buffer, bytes);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

// Why the originals can't run here; empty if they can.
inline const std::string& python_lack() {
  static const std::string lack = [] {
    if (source_root().empty()) return std::string(no_source_root);
    if (from_environment("WEFT_PYTHON").empty()) return std::string("there is no python3");
    if (run_python("-c 'import sys; sys.exit(sys.version_info < (3, 11))'").status != 0) {
      return std::string("python3 is older than 3.11");
    }
    return std::string();
  }();
  return lack;
}

// What a Python program printed, by the names of its pairs.
struct python_output {
  std::map<std::string, std::vector<std::string>> said;
  std::string lack;

  // The program that lies beside a port: gather.py beside gather_test.cpp. Runs once, all pairs.
  static const python_output& beside(const char* port) {
    static std::map<std::string, python_output> known;
    std::string program = fs::path(port).stem().string();
    program.resize(program.size() - std::string("_test").size());
    const auto found = known.find(program);
    return found != known.end() ? found->second : (known[program] = of(program));
  }

 private:
  static python_output of(const std::string& program) {
    python_output result;
    result.lack = python_lack();
    if (!result.lack.empty()) return result;
    const command_result end = run_python(program + ".py");
    std::vector<std::string>* said = nullptr;
    for (const std::string& line : split_lines(end.output)) {
      if (starts_with(line, "== ")) {
        said = &result.said[line.substr(3)];
      } else if (said != nullptr) {
        said->push_back(line);
      }
    }
    // A program that broke off fails the pair in which it did.
    if (end.status != 0 && said != nullptr) {
      said->push_back("(python ended with status " + std::to_string(end.status) + ")");
    }
    return result;
  }
};

// Reads a difference: lines that both say begin with two spaces, asyncio's own with "- ", weft's
// own with "+ ". Returns the lines of one side, '-' or '+'.
inline std::vector<std::string> side_of(const std::string& difference, char own) {
  std::vector<std::string> lines;
  for (const std::string& line : split_lines(difference)) {
    if (line[0] == ' ' || line[0] == own) lines.push_back(line.substr(2));
  }
  return lines;
}

}  // namespace weft_tests
