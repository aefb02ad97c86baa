// SPDX-License-Identifier: BSL-1.0
// The protocol between inbox::push() and a loop that falls asleep, looked at in every order of its
// steps: inbox.pml, by spin. The real thing under load: inbox_test.cpp.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/skip.hpp"

namespace fs = std::filesystem;

namespace {

// A folder for the checker that spin writes, and what it says of the model with these flags.
class model {
 public:
  explicit model(const std::string& flags) {
    char name[] = "/tmp/weft_model_XXXXXX";
    if (mkdtemp(name) == nullptr) return;
    folder_ = name;
    const std::string source =
        std::string(std::getenv("WEFT_SOURCE_ROOT")) + "/tests/stress/inbox.pml";
    end_ = weft_tests::run_program({"sh", "-c",
                                    "cd " + folder_ + " && spin " + flags + " -a '" + source +
                                        "' && cc -O1 -DSAFETY -w -o pan pan.c && ./pan -m10000"});
  }
  ~model() {
    if (!folder_.empty()) fs::remove_all(folder_);
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
  weft_tests::child_end end_;
};

const char* reason_to_skip() {
  if (std::getenv("WEFT_SOURCE_ROOT") == nullptr) return "WEFT_SOURCE_ROOT is not set";
  if (weft_tests::is_emulated()) return "the model is checked on a machine of its own kind";
  static const bool has_tools =
      weft_tests::run_program({"sh", "-c", "command -v spin && command -v cc"}).status == 0;
  return has_tools ? nullptr : "spin or cc is not installed";
}

}  // namespace

TEST_CASE("inbox model: no order of steps loses a message or a wake-up") {
  if (const char* const reason = reason_to_skip()) WEFT_SKIP(reason);
  const model whole("");
  INFO(whole.output());
  CHECK(whole.holds());
}

TEST_CASE("inbox model: each part of the protocol is needed") {
  if (const char* const reason = reason_to_skip()) WEFT_SKIP(reason);
  for (const char* const flag : {"-DNO_FENCE", "-DLATE_PUSH", "-DNO_RECHECK", "-DNO_RING"}) {
    const model part(flag);
    INFO(flag, "\n", part.output());
    CHECK(part.sleeps_for_ever());
  }
  const model forced("-DFORCE_CLOSE");
  INFO(forced.output());
  CHECK(forced.breaks_promise());
}
