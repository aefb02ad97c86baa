// SPDX-License-Identifier: BSL-1.0
// A million fibers parked at once: each behind a guard of its own, in a few mappings, for little
// more than a page each. Fewer where memory is short or a sanitizer runs; the test says so.
#include <algorithm>
#include <cstddef>
#include <fstream>
#include <vector>

#include <malloc.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/kernel_guards.hpp"
#include "support/no_leaks.hpp"
#include "support/resident.hpp"
#include "support/skip.hpp"
#include "weft/detail/loop_core.hpp"
#include "weft/detail/stack.hpp"
#include "weft/weft.hpp"

using weft::detail::guard_kind;
using weft_tests::no_leaks;
using weft_tests::scaled;

namespace {

constexpr std::size_t a_million = 1'000'000;

// A page of stack, the record, 8 bytes of the page table for each page, and the handle.
constexpr std::size_t bytes_at_most = 5300;

// Half of what is free, at twice the price.
std::size_t fibers_that_fit() {
  std::size_t free_bytes = weft_tests::bytes_after("/proc/meminfo", "MemAvailable:");
  std::size_t limit = 0;
  std::size_t used = 0;
  if (std::ifstream("/sys/fs/cgroup/memory.max") >> limit &&
      std::ifstream("/sys/fs/cgroup/memory.current") >> used && limit > used) {
    free_bytes = std::min(free_bytes, limit - used);
  }
  return free_bytes / 2 / (2 * bytes_at_most);
}

struct census {
  std::size_t pinged = 0;
  std::size_t guarded = 0;
  std::size_t bytes_each = 0;
  std::size_t mappings = 0;
};

// Parks so many, wakes each of them once, parks them again, counts, and lets them go.
census park_many(std::size_t count) {
  census found;
  malloc_trim(0);
  const std::size_t bytes_before = weft_tests::resident_bytes_with_tables();
  auto first = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
  auto second = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
  std::vector<weft::task<>> parked;
  parked.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    parked.push_back(weft::spawn([&] {
      first.join();
      ++found.pinged;
      second.join();
    }));
  }
  weft::yield();
  first.cancel();
  first.join();
  while (found.pinged < count) weft::yield();
  for (const auto& one : parked) {
    const weft::detail::stack* const its = one.record()->bound;
    found.guarded += its != nullptr && its->guard == guard_kind::install ? 1 : 0;
  }
  found.bytes_each = (weft_tests::resident_bytes_with_tables() - bytes_before) / count;
  found.mappings = weft_tests::mappings_of_this_process();
  second.cancel();
  for (auto& one : parked) one.get();  // no error: each had a stack
  return found;
}

}  // namespace

TEST_CASE_FIXTURE(
    no_leaks, "torture 2: a million parked fibers, all guarded, in few mappings, 5.3 KB each") {
  if (!weft_tests::kernel_has_guards())
    WEFT_SKIP("a million guards need MADV_GUARD_INSTALL, Linux 6.13");
  const std::size_t wanted = scaled(a_million, weft_tests::is_tsan ? 5'000 : 50'000);
  const std::size_t count = std::min(wanted, fibers_that_fit());
  if (count < 1000) WEFT_SKIP("there is no memory for a thousand fibers");
  if (count < wanted) MESSAGE("memory is short: ", count, " fibers instead of ", wanted);
  const census found = run([count] { return park_many(count); });
  CHECK(found.pinged == count);
  CHECK(found.guarded == count);
  if (weft_tests::is_sanitized) return;  // their own memory and mappings
  MESSAGE(count, " fibers: ", found.bytes_each, " bytes each, ", found.mappings, " mappings");
  CHECK(found.mappings < 1000);
  CHECK(found.bytes_each <= bytes_at_most);
}
