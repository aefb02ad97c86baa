// SPDX-License-Identifier: BSL-1.0
// What the structural tests share: where the source tree and the build lie, how to read files, how
// to run a tool. The paths come by environment from tests/meson.build, so none stands in a file;
// a test started by hand finds none and skips.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>
#include <vector>

namespace weft_tests {

namespace fs = std::filesystem;

inline std::string from_environment(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

inline fs::path source_root() { return from_environment("WEFT_SOURCE_ROOT"); }
inline fs::path build_root() { return from_environment("WEFT_BUILD_ROOT"); }

constexpr const char* no_source_root = "WEFT_SOURCE_ROOT is not set; run it by `meson test`";

inline std::string read_file(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
}

inline std::vector<std::string> split_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    lines.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return lines;
}

inline bool starts_with(std::string_view text, std::string_view prefix) {
  return text.substr(0, prefix.size()) == prefix;
}

inline bool ends_with(std::string_view text, std::string_view end) {
  return text.size() >= end.size() && text.substr(text.size() - end.size()) == end;
}

// Every file below root/folder, as paths relative to root, sorted. Build folders, what Python
// leaves behind and hidden folders are no part of the tree.
inline std::vector<fs::path> files_below(const fs::path& root, const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::is_directory(root / folder)) return files;
  fs::recursive_directory_iterator walk(root / folder);
  for (const auto end = fs::end(walk); walk != end; ++walk) {
    const std::string name = walk->path().filename().string();
    if (walk->is_directory() && (starts_with(name, "build") || starts_with(name, ".") ||
                                 starts_with(name, "__pycache__"))) {
      walk.disable_recursion_pending();
    } else if (walk->is_regular_file()) {
      files.push_back(fs::relative(walk->path(), root));
    }
  }
  std::sort(files.begin(), files.end());
  return files;
}

struct command_result {
  int status;  // -1: the shell could not be started, or a signal ended it
  std::string output;
};

// Runs a shell command; standard error is part of the output.
inline command_result run_command(const std::string& command) {
  command_result result{-1, {}};
  std::FILE* pipe = ::popen(("exec 2>&1; " + command).c_str(), "r");
  if (pipe == nullptr) return result;
  char buffer[4096];
  while (std::size_t bytes = std::fread(buffer, 1, sizeof buffer, pipe)) {
    result.output.append(buffer, bytes);
  }
  const int status = ::pclose(pipe);
  if (WIFEXITED(status)) result.status = WEXITSTATUS(status);
  return result;
}

inline std::string in_quotes(const fs::path& path) { return "'" + path.string() + "'"; }

// A folder of its own for one test, gone when the test is.
class temporary_folder {
 public:
  temporary_folder() {
    std::string pattern = (fs::temp_directory_path() / "weft-structure-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) std::abort();
    path_ = pattern;
  }
  ~temporary_folder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const fs::path& path() const { return path_; }

  void write(const fs::path& file, const std::string& text) const {
    fs::create_directories((path_ / file).parent_path());
    std::ofstream(path_ / file, std::ios::binary) << text;
  }

 private:
  fs::path path_;
};

// One line each, for a failure message.
inline std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += "\n  " + line;
  return text;
}

}  // namespace weft_tests
