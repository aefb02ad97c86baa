// SPDX-License-Identifier: BSL-1.0
// What weft-cost knows: the contenders by their ids, the workloads with their cells, and what is to
// be said about each. Knows how a cell is measured, not when, nor how it is shown.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "cost/contenders/measure.hpp"

namespace cost {

enum class contender_kind { stackful, stackless, floor, system, language };

struct contender_info {
  const char* id;    // in JSON and on the command line
  const char* side;  // side::name
  contender_kind kind;
  const char* what;  // one line
};

// All that there are, whether this build has them or not, in the order in which they are shown.
const std::vector<contender_info>& known_contenders();
const contender_info* find_contender(const std::string& id);
std::string id_of_side(const std::string& side);  // empty: not a contender of the tool
bool is_built(const std::string& id);
const char* kind_name(contender_kind kind);

// A cell is one number of each contender: a point of a chart, a line of a table.
struct cell {
  std::string id;      // "yield/10/4"
  std::string label;   // "10 fibers, 4 calls above"
  std::string series;  // which line of a chart: "alike"; empty if there is only one
  double x = 0;        // 0: none
};

// Where a measurement that runs in a child process tells what it found.
class reporter {
 public:
  virtual ~reporter() = default;
  virtual void begins(const std::string& contender) = 0;
  virtual void answered(const std::string& contender, std::uint64_t answer) = 0;
  virtual void took(std::size_t cell, const std::string& contender, double value) = 0;
  virtual void failed(const std::string& contender, const std::string& why) = 0;
};

struct request {
  bool is_quick = false;
  std::vector<std::string> contenders;  // ids that are wanted here
  bool wants(const std::string& id) const;
};

// Cells that one child process measures together.
struct cell_group {
  std::vector<cell> cells;
  std::function<void(const request& what, reporter& to)> measure;
  std::uint64_t expected = contender::unchecked;  // every contender's answer
  bool is_each_apart = false;                     // a process for each contender
  double most_seconds = 60;                       // for one round of one contender
  std::string unavailable = {};  // why it can't be measured here; empty: it can
  // One contender alone, for instruction counts: sets it up and does so many operations.
  std::function<void(const std::string& id, std::uint64_t operations)> run_one = nullptr;
};

enum class scale { linear, logarithmic };

struct workload {
  const char* id;
  const char* title;
  const char* unit;      // "ns"
  const char* x_name;    // of the cells' x; empty: none
  const char* question;  // what a reader wants to know
  const char* method;    // what an operation is
  const char* why;       // what decides it
  const char* choose_stackless;
  const char* verdict_cell;  // the one that the verdict speaks of
  std::vector<cell_group> (*groups)(const request& what);
};

const std::vector<workload>& workloads();
const workload* find_workload(const std::string& id);

// A group of one cell that all sides with such a maker run in turns.
cell_group timed(cell what, std::vector<entry> entries, pace how, std::uint64_t expected);

template <class Shape>
cell_group timed_shape(cell what, maker<Shape> side::*kind, const Shape& shape, const pace& how,
                       std::uint64_t expected) {
  return timed(std::move(what), entries_of(kind, shape, all_sides()), how, expected);
}

// How long rounds last, and how many there are: never fewer than ten.
pace usual_pace(const request& what, std::uint64_t check_operations);

// Workloads by file; catalogue.cpp puts them in order.
extern const workload switch_workload, yield_workload, depth_workload, cold_workload;
extern const workload spawn_workload, chain_workload, resume_workload;
extern const workload tree_workload, flat_workload;
extern const workload channel_workload, crowd_workload, ring_workload, skynet_workload,
    fib_workload;
extern const workload interop_workload;
extern const workload timer_workload, parked_workload;
extern const workload ping_workload, echo_workload;
extern const workload size_workload, compile_workload;  // of a program written both ways

}  // namespace cost
