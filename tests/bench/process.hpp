// SPDX-License-Identifier: BSL-1.0
// A peer in another language: a program that stays alive for the row, does what it is told by a
// line with a number, and answers with how much it did. It inherits our one core.
#pragma once

#include <sys/types.h>

#include <cstdio>
#include <string>
#include <vector>

#include "side.hpp"

namespace bench {

class process final : public contender {
 public:
  // Throws: std::runtime_error if it cannot be started
  explicit process(std::vector<std::string> arguments);
  ~process() override;

  std::uint64_t run(std::uint64_t operations) override;
  double elsewhere_ns() const override;

 private:
  std::string name_;
  pid_t child_ = 0;
  std::FILE* to_ = nullptr;
  std::FILE* from_ = nullptr;
};

}  // namespace bench
