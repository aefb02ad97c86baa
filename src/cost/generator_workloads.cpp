// SPDX-License-Identifier: BSL-1.0
// Generators: values one by one, out of a recursion and out of a loop.
#include <string>
#include <vector>

#include "cost/catalogue.hpp"

namespace cost {
namespace {

std::vector<cell_group> trees(const request& what) {
  std::vector<cell_group> all;
  for (const std::size_t nodes : {std::size_t{1} << 10, std::size_t{1} << 20}) {
    if (what.is_quick && nodes > 1024) break;
    all.push_back(timed_shape(
        cell{"tree/" + std::to_string(nodes), std::to_string(nodes) + " nodes", "", static_cast<double>(nodes)},
        &side::generators, generator_shape{nodes}, usual_pace(what, nodes),
        std::uint64_t{nodes} * (nodes - 1) / 2));
  }
  return all;
}

std::vector<cell_group> flat(const request& what) {
  const std::uint64_t values = 1000;
  return {timed_shape(cell{"flat/1", "a loop that counts", "", 0}, &side::generators,
                      generator_shape{0}, usual_pace(what, values), values * (values - 1) / 2)};
}

}  // namespace

const workload tree_workload = {
    "tree",
    "Tree generator",
    "ns",
    "nodes",
    "What does a value cost that a plain recursion yields?",
    "One operation is one value of an in-order walk over a balanced tree; the walk is made anew for "
    "each lap. \"C++20\" is the recursive generator (elements_of): the root resumes the innermost "
    "frame directly.",
    "A stackful walk is the recursion itself plus two switches a value. A stackless one makes a frame "
    "for each node. The callback is the floor, and turns the consumer inside out.",
    "the structure is flat, or the consumer can be a callback.",
    "tree/1024",
    &trees};

const workload flat_workload = {
    "flat",
    "Flat generator",
    "ns",
    "",
    "What does a value cost that a loop yields?",
    "One operation is one value. The compiler sees the C++20 generator's body; clang folds it to "
    "nothing where it may.",
    "There is nothing to save but a counter, and the compiler knows it: this is what stackless "
    "coroutines are best at.",
    "you generate values from loops: this is the clearest case there is.",
    "flat/1",
    &flat};

}  // namespace cost
