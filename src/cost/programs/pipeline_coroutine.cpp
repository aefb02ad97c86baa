// SPDX-License-Identifier: BSL-1.0
// The pipeline with co_await; between the marks is what the report shows.
#include <memory>
#include <vector>

#include "cost/programs/co_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
using numbers = channel;

struct pipeline {
  numbers raw{4};
  numbers squares{4};
};

started produce(pipeline& all) {
  for (std::uint64_t n = 1; n <= 20; ++n) co_await all.raw.send(n);
  co_await all.raw.send(0);
  co_return 0;
}

started square(pipeline& all) {
  while (const std::uint64_t n = co_await all.raw.recv()) co_await all.squares.send(n * n);
  co_await all.squares.send(0);
  co_return 0;
}

started add_up(pipeline& all) {
  std::uint64_t sum = 0;
  while (const std::uint64_t n = co_await all.squares.recv()) sum += n;
  co_return sum;
}

started run_all(std::size_t count) {
  std::vector<std::unique_ptr<pipeline>> pipelines;
  std::vector<started> stages;
  std::vector<started> sums;
  for (std::size_t i = 0; i < count; ++i) {
    pipelines.push_back(std::make_unique<pipeline>());
    pipeline& one = *pipelines.back();
    sums.push_back(add_up(one));
    stages.push_back(square(one));
    stages.push_back(produce(one));
  }
  std::uint64_t sum = 0;
  for (auto& each : sums) sum += co_await each;
  for (auto& each : stages) co_await each;
  co_return sum;
}
// end
}  // namespace

std::uint64_t pipeline_with_coroutines(std::size_t tasks) {
  return run_coroutines(&run_all, tasks);
}

}  // namespace cost
