// SPDX-License-Identifier: BSL-1.0
// The tree walk over fibers; between the marks is what the report shows.
#include <weft/weft.hpp>

#include <vector>

#include "cost/programs/fiber_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
std::uint64_t load(std::uint64_t node) {
  weft::yield();  // stands for a page that has to be fetched
  return node;
}

std::uint64_t walk(std::uint64_t node, std::uint64_t size) {
  if (node > size) return 0;
  const std::uint64_t value = load(node);
  return value + walk(2 * node, size) + walk(2 * node + 1, size);
}

std::uint64_t walk_all(std::size_t trees) {
  std::vector<weft::task<std::uint64_t>> walks;
  for (std::size_t i = 0; i < trees; ++i) {
    walks.push_back(weft::spawn([] { return walk(1, 31); }));
  }
  std::uint64_t sum = 0;
  for (auto& each : walks) sum += each.get();
  return sum;
}
// end
}  // namespace

std::uint64_t tree_with_fibers(std::size_t tasks) { return run_fibers(&walk_all, tasks); }

}  // namespace cost
