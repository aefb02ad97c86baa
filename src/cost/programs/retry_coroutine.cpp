// SPDX-License-Identifier: BSL-1.0
// Retry with timeout with co_await; between the marks is what the report shows. A coroutine of this
// kind can't be cancelled from outside, so the deadline is handed down to who waits.
#include <optional>
#include <vector>

#include "cost/programs/co_runtime.hpp"
#include "cost/programs/programs_list.hpp"

namespace cost {
namespace {
// begin
task<std::optional<std::uint64_t>> fetch(int attempt, std::int64_t deadline) {
  reply answer;
  if (attempt == 3) answer.set(42);  // the first two are never answered
  co_return co_await answer.until(deadline);
}

task<std::optional<std::uint64_t>> parse(int attempt, std::int64_t deadline) {
  const std::optional<std::uint64_t> value = co_await fetch(attempt, deadline);
  if (!value) co_return std::nullopt;
  co_return *value / 2;
}

started retry() {
  for (int attempt = 1;; ++attempt) {
    const std::optional<std::uint64_t> value =
        co_await parse(attempt, now_ns() + 1'000'000);
    if (value) co_return *value;
  }
}

started retry_all(std::size_t clients) {
  std::vector<started> all;
  for (std::size_t i = 0; i < clients; ++i) {
    all.push_back(retry());
  }
  std::uint64_t sum = 0;
  for (auto& each : all) sum += co_await each;
  co_return sum;
}
// end
}  // namespace

std::uint64_t retry_with_coroutines(std::size_t tasks) {
  return run_coroutines(&retry_all, tasks);
}

}  // namespace cost
