// SPDX-License-Identifier: BSL-1.0
// Starts a server program in a child process, on a port that is free, waits until it says where it
// listens, and ends it by a signal. The child is killed when this is destroyed before.
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "support/child.hpp"

namespace weft_tests {

class server_child {
 public:
  // Runs `program --port 0` and the further options; returns when it has written its first line, or
  // has ended without.
  explicit server_child(const std::string& program, std::vector<std::string> options = {})
      : child_([&] {
          std::vector<std::string> words{program, "--port", "0"};
          words.insert(words.end(), options.begin(), options.end());
          return become_program(words);
        }) {
    child_.wait_for("\n");
  }

  // Its first line, without the line's end.
  std::string first_line() const { return child_.output().substr(0, child_.output().find('\n')); }

  // 0 if it does not listen.
  std::uint16_t port() const {
    const std::string line = first_line();
    if (line.rfind("listening on ", 0) != 0) return 0;
    return static_cast<std::uint16_t>(std::atoi(line.c_str() + line.rfind(':') + 1));
  }

  pid_t id() const noexcept { return child_.id(); }

  // Waits until it has written the text; false if it ended without.
  bool wait_for(const std::string& text) { return child_.wait_for(text); }

  // Sends it a signal and waits for its end.
  child_end end_by(int signal) {
    kill(child_.id(), signal);
    return child_.finish();
  }

 private:
  child child_;
};

}  // namespace weft_tests
