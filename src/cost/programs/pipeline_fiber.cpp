// SPDX-License-Identifier: BSL-1.0
// The pipeline over fibers; between the marks is what the report shows.
#include <weft/weft.hpp>

#include <memory>
#include <vector>

#include "cost/programs/fiber_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
using numbers = weft::local::channel<std::uint64_t>;

struct pipeline {
  numbers raw{4};
  numbers squares{4};
};

void produce(pipeline& all) {
  for (std::uint64_t n = 1; n <= 20; ++n) all.raw.send(n);
  all.raw.send(0);
}

void square(pipeline& all) {
  while (const std::uint64_t n = *all.raw.recv()) all.squares.send(n * n);
  all.squares.send(0);
}

std::uint64_t add_up(pipeline& all) {
  std::uint64_t sum = 0;
  while (const std::uint64_t n = *all.squares.recv()) sum += n;
  return sum;
}

std::uint64_t run_all(std::size_t count) {
  std::vector<std::unique_ptr<pipeline>> pipelines;
  std::vector<weft::task<>> stages;
  std::vector<weft::task<std::uint64_t>> sums;
  for (std::size_t i = 0; i < count; ++i) {
    pipelines.push_back(std::make_unique<pipeline>());
    pipeline& one = *pipelines.back();
    sums.push_back(weft::spawn([&one] { return add_up(one); }));
    stages.push_back(weft::spawn([&one] { square(one); }));
    stages.push_back(weft::spawn([&one] { produce(one); }));
  }
  std::uint64_t sum = 0;
  for (auto& each : sums) sum += each.get();
  for (auto& each : stages) each.get();
  return sum;
}
// end
}  // namespace

std::uint64_t pipeline_with_fibers(std::size_t tasks) { return run_fibers(&run_all, tasks); }

}  // namespace cost
