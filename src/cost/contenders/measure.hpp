// SPDX-License-Identifier: BSL-1.0
// Lets the sides of a row take turns, in another order each round, so that a slow spell of the
// machine hits all of them, nobody always follows the same neighbour, and a ratio is always one of
// neighbours in time.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "side.hpp"

namespace cost {

// One contender of a row, not yet alive: rows are many, and some fill gigabytes.
struct entry {
  const char* side;
  std::function<std::unique_ptr<contender>()> make;  // may return nullptr: nothing to measure
};

// What a side is to reach. `peer` nullptr: at_most is a value of the row's own unit, no ratio.
struct goal {
  const char* side;
  const char* peer;
  double at_most;
};

struct row {
  std::string name;
  const char* peer = nullptr;  // the ratios' denominator
  std::vector<entry> entries;
  std::vector<goal> goals;
  double fibers = 1;  // by which a row of memory is divided
};

struct series {
  std::string side;
  std::vector<double> rounds;
};

struct row_result {
  std::string name;
  std::string peer;
  std::vector<series> sides;
  std::vector<goal> goals;

  const series* find(const std::string& side) const;
};

double median(std::vector<double> values);

// The median of the ratios of each round; 0 if a side is not there.
double ratio(const row_result& of, const std::string& side, const std::string& peer);

struct pace {
  unsigned rounds = 9;
  double round_ns = 12e6;
  bool is_one_operation = false;  // an operation is long enough to be a round by itself
  std::uint64_t check_operations = 0;  // not 0: before its first round each side's answer is taken
};

// Told what happens while it happens: the process may not live to the end of the row.
class observer {
 public:
  virtual ~observer() = default;
  virtual void begins(const std::string& side) = 0;  // all that follows is this side's doing
  virtual void answered(const std::string& side, std::uint64_t answer) = 0;
  virtual void calibrated(const std::string& side, std::uint64_t operations) = 0;
  virtual void took(const std::string& side, double ns) = 0;  // each round, in the rounds' order
};

// Nanoseconds of processor time per operation, per side and round; the first round is thrown away.
row_result measure(const row& what, const pace& how, observer* told = nullptr);

// What this thread and the children it has waited for have used. Not the wall clock: another
// program on the same core would be counted.
double cpu_ns();

// One entry for each side that has this kind of row.
template <class Shape>
std::vector<entry> entries_of(maker<Shape> side::*kind, const Shape& shape,
                              const std::vector<const side*>& among = principal_sides()) {
  std::vector<entry> entries;
  for (const side* each : among) {
    if (const maker<Shape> make = each->*kind) {
      entries.push_back({each->name, [make, shape] { return make(shape); }});
    }
  }
  return entries;
}

}  // namespace cost
