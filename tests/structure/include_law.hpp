// SPDX-License-Identifier: BSL-1.0
// Reads the #include lines of a source tree and says where they break the law of layers: a file
// includes its own layer or lower ones. Called by include_law_test.cpp, on weft itself and on small
// trees that break it on purpose. A file in src/<layer>/ has the layer of its folder, one in asm/
// that of `context`; a header in include/ declares its own: `Layer: <name>` on its first 12 lines.
#pragma once

#include <optional>
#include <regex>

#include "structure/source_tree.hpp"

namespace weft_tests {

// Lowest first. `all` is the umbrella header's; `cost` is the tool that may look at everything.
inline const std::vector<std::string> layers = {"base", "context", "stack", "fiber", "loop", "task",
                                                "sync", "io",      "hook",  "all",   "cost"};

// Only weft/detail/ may include these: a public header must not put them into a user's program.
inline const std::vector<std::string> system_headers = {
    "sys/",      "linux/",  "netinet/", "arpa/",     "bits/",    "asm/",     "unistd.h",
    "pthread.h", "fcntl.h", "sched.h",  "poll.h",    "dlfcn.h",  "signal.h", "ucontext.h",
    "netdb.h",   "link.h",  "spawn.h",  "termios.h", "dirent.h", "syscall.h"};

class include_law {
 public:
  explicit include_law(fs::path root) : root_(std::move(root)) { check(); }

  const std::vector<std::string>& violations() const { return violations_; }
  std::size_t files_read() const { return files_read_; }
  std::size_t includes_read() const { return includes_read_; }

 private:
  void check() {
    std::vector<fs::path> boost_users;
    for (const char* folder : {"include", "src", "asm"}) {
      for (const auto& file : files_below(root_, folder)) {
        if (is_source(file)) check_file(file, boost_users);
      }
    }
    // One file, so that a program without Boost is one file away.
    if (boost_users.size() > 1) {
      for (const auto& file : boost_users) blame(file, "includes Boost, and is not the only one");
    }
    for (const auto& file : boost_users) {
      const std::string name = file.generic_string();
      if (!std::regex_match(name, std::regex("src/context/[a-z_0-9]*fcontext[a-z_0-9]*\\.cpp"))) {
        blame(file, "includes Boost; only src/context/*fcontext*.cpp may");
      }
    }
  }

  static bool is_source(const fs::path& file) {
    const std::string name = file.filename().string();
    for (const char* end : {".cpp", ".hpp", ".h", ".S", ".hpp.in"}) {
      if (ends_with(name, end)) return true;
    }
    return false;
  }

  void check_file(const fs::path& file, std::vector<fs::path>& boost_users) {
    ++files_read_;
    const auto own = layer_of(file);
    if (!own) {
      blame(file, "declares no layer: say `Layer: <name>` on its first 12 lines");
      return;
    }
    static const std::regex include_line(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"].*)");
    std::smatch match;
    for (const auto& line : split_lines(read_file(root_ / file))) {
      if (!std::regex_match(line, match, include_line)) continue;
      ++includes_read_;
      const std::string target = match[2];
      if (starts_with(target, "boost/")) {
        if (*own == *index_of("cost")) continue;  // Boost is one of those that it measures
        if (boost_users.empty() || boost_users.back() != file) boost_users.push_back(file);
      } else if (match[1] == "\"" || starts_with(target, "weft/")) {
        check_own_include(file, *own, target);
      } else {
        check_system_include(file, target);
      }
    }
  }

  void check_own_include(const fs::path& file, std::size_t own, const std::string& target) {
    const auto found = resolve(file, target);
    if (!found) {
      blame(file, "includes \"" + target + "\", which lies nowhere in the tree");
      return;
    }
    const auto other = layer_of(*found);
    if (!other) return;  // blamed when its own turn comes
    if (*other > own) {
      blame(file, "of layer " + layers[own] + " includes " + found->generic_string() +
                      " of layer " + layers[*other]);
    }
    if (is_below(file, "include") && !is_below(*found, "include")) {
      blame(file, "is installed and includes " + found->generic_string() + ", which is not");
    }
  }

  void check_system_include(const fs::path& file, const std::string& target) {
    if (!is_below(file, "include") || is_below(file, "include/weft/detail")) return;
    for (const auto& header : system_headers) {
      const bool hit = header.back() == '/' ? starts_with(target, header) : target == header;
      if (hit) blame(file, "is a public header and includes <" + target + ">");
    }
  }

  // Where the compiler would look, in its order; generated headers lie in the tree as *.in.
  std::optional<fs::path> resolve(const fs::path& file, const std::string& target) const {
    for (const auto& folder :
         {file.parent_path(), fs::path("include"), fs::path("src"), fs::path("asm")}) {
      for (const char* end : {"", ".in"}) {
        const fs::path candidate = (folder / (target + end)).lexically_normal();
        if (fs::is_regular_file(root_ / candidate)) return candidate;
      }
    }
    return std::nullopt;
  }

  std::optional<std::size_t> layer_of(const fs::path& file) const {
    if (is_below(file, "asm")) return index_of("context");
    if (is_below(file, "src")) return index_of(std::next(file.begin())->string());
    static const std::regex declaration(R"(\bLayer: ([a-z]+))");
    std::smatch match;
    const auto lines = split_lines(read_file(root_ / file));
    for (std::size_t i = 0; i < std::min<std::size_t>(lines.size(), 12); ++i) {
      if (std::regex_search(lines[i], match, declaration)) return index_of(match[1]);
    }
    return std::nullopt;
  }

  static std::optional<std::size_t> index_of(const std::string& layer) {
    const auto at = std::find(layers.begin(), layers.end(), layer);
    if (at == layers.end()) return std::nullopt;
    return static_cast<std::size_t>(at - layers.begin());
  }

  static bool is_below(const fs::path& file, const std::string& folder) {
    return starts_with(file.generic_string(), folder + "/");
  }

  void blame(const fs::path& file, const std::string& what) {
    violations_.push_back(file.generic_string() + ": " + what);
  }

  fs::path root_;
  std::vector<std::string> violations_;
  std::size_t files_read_ = 0;
  std::size_t includes_read_ = 0;
};

}  // namespace weft_tests
