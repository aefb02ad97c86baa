// SPDX-License-Identifier: BSL-1.0
// Retry with timeout over fibers; between the marks is what the report shows.
#include <weft/weft.hpp>

#include <chrono>
#include <vector>

#include "cost/programs/fiber_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
std::uint64_t fetch(int attempt) {
  weft::local::channel<std::uint64_t> answer(1);
  if (attempt == 3) answer.send(42);  // the first two are never answered
  return *answer.recv();
}

std::uint64_t parse(int attempt) { return fetch(attempt) / 2; }

std::uint64_t retry() {
  for (int attempt = 1;; ++attempt) {
    const auto value = weft::move_on_after(std::chrono::milliseconds(1),
                                           [attempt] { return parse(attempt); });
    if (value) return *value;
  }
}

std::uint64_t retry_all(std::size_t clients) {
  std::vector<weft::task<std::uint64_t>> all;
  for (std::size_t i = 0; i < clients; ++i) {
    all.push_back(weft::spawn([] { return retry(); }));
  }
  std::uint64_t sum = 0;
  for (auto& each : all) sum += each.get();
  return sum;
}
// end
}  // namespace

std::uint64_t retry_with_fibers(std::size_t tasks) { return run_fibers(&retry_all, tasks); }

}  // namespace cost
