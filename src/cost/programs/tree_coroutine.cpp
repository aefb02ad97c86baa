// SPDX-License-Identifier: BSL-1.0
// The tree walk with co_await; between the marks is what the report shows.
#include <vector>

#include "cost/programs/co_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
task<std::uint64_t> load(std::uint64_t node) {
  co_await yielding{};  // stands for a page that has to be fetched
  co_return node;
}

task<std::uint64_t> walk(std::uint64_t node, std::uint64_t size) {
  if (node > size) co_return 0;
  const std::uint64_t value = co_await load(node);
  const std::uint64_t left = co_await walk(2 * node, size);
  co_return value + left + co_await walk(2 * node + 1, size);
}

started walk_one() { co_return co_await walk(1, 31); }

started walk_all(std::size_t trees) {
  std::vector<started> walks;
  for (std::size_t i = 0; i < trees; ++i) {
    walks.push_back(walk_one());
  }
  std::uint64_t sum = 0;
  for (auto& each : walks) sum += co_await each;
  co_return sum;
}
// end
}  // namespace

std::uint64_t tree_with_coroutines(std::size_t tasks) { return run_coroutines(&walk_all, tasks); }

}  // namespace cost
