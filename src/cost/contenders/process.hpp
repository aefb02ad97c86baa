// SPDX-License-Identifier: BSL-1.0
// A peer in another language: a program that stays alive for the row, does what it is told by a
// line with a number, and answers with how much it did; at 0 with the sum that came of it. It inherits our one core.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

#include "side.hpp"

namespace cost {

// Where a peer's program lies: beside this one in the build folder, or where it is installed.
// Throws: std::runtime_error
std::string peer_program(const char* name);

class process final : public contender {
 public:
  // Throws: std::runtime_error if it cannot be started
  explicit process(std::vector<std::string> arguments);
  ~process() override;

  std::uint64_t run(std::uint64_t operations) override;
  double elsewhere_ns() const override;

  // Asked to do nothing, it answers with what came of the last time.
  std::uint64_t check(std::uint64_t operations) override;

  pid_t whose_memory() const override { return child_; }

 private:
  std::string name_;
  pid_t child_ = 0;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace cost
