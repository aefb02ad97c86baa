// SPDX-License-Identifier: BSL-1.0
// A protocol as a Promela model, checked by spin in every order of its steps.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

#include "support/child.hpp"
#include "support/emulated.hpp"

namespace weft_tests {

// A folder for the checker that spin writes, and what it says of the model tests/`path` with these
// flags.
class model {
 public:
  explicit model(const std::string& path, const std::string& flags = "") {
    char name[] = "/tmp/weft_model_XXXXXX";
    if (mkdtemp(name) == nullptr) return;
    folder_ = name;
    const std::string source = std::string(std::getenv("WEFT_SOURCE_ROOT")) + "/tests/" + path;
    end_ = run_program({"sh", "-c",
                        "cd " + folder_ + " && spin " + flags + " -a '" + source +
                            "' && cc -O0 -DSAFETY -w -o pan pan.c && ./pan -m10000"});
  }
  ~model() {
    if (!folder_.empty()) std::filesystem::remove_all(folder_);
  }
  model(const model&) = delete;
  model& operator=(const model&) = delete;

  // What spin found: nothing, or a promise that some order of steps breaks.
  bool holds() const { return end_.status == 0 && end_.says("errors: 0"); }
  bool sleeps_for_ever() const { return end_.says("invalid end state"); }
  bool breaks_promise() const { return end_.says("assertion violated"); }
  const std::string& output() const { return end_.output; }

 private:
  std::string folder_;
  child_end end_;
};

// nullptr: models can be checked.
inline const char* reason_without_models() {
  if (std::getenv("WEFT_SOURCE_ROOT") == nullptr) return "WEFT_SOURCE_ROOT is not set";
  if (is_emulated()) return "the model is checked on a machine of its own kind";
  static const bool has_tools =
      run_program({"sh", "-c", "command -v spin && command -v cc"}).status == 0;
  return has_tools ? nullptr : "spin or cc is not installed";
}

}  // namespace weft_tests
