// SPDX-License-Identifier: BSL-1.0
// Thousands of loops, made and ended: no descriptor, no mapping and no memory stays behind.
#include <chrono>
#include <cstddef>
#include <vector>

#include <malloc.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/resident.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::open_descriptors;
using weft_tests::resident_bytes;
using weft_tests::scaled;

namespace {

// A loop with parked fibers and pending timers at its end.
void one_loop(no_leaks& fixture) {
  fixture.run([] {
    for (int i = 0; i < 4; ++i) {
      weft::spawn([c = counted()] { weft::await_sleep(1h); }).detach();
    }
    auto joined = weft::spawn([c = counted()] { weft::yield(); });
    weft::yield();
    weft::spawn([c = counted()] {}).detach();
  });
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "torture 25: ten thousand loops: flat descriptors and flat memory") {
  for (int warm = 0; warm < 100; ++warm) one_loop(*this);
  malloc_trim(0);
  const std::size_t descriptors = open_descriptors();
  const std::size_t resident = resident_bytes();
  for (std::size_t i = 0; i < scaled(10'000, 300); ++i) one_loop(*this);
  CHECK(open_descriptors() == descriptors);
  CHECK(counted::alive() == 0);
  if (!weft_tests::is_sanitized) {
    malloc_trim(0);
    CHECK(resident_bytes() <= resident + 1024 * 1024);
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 25: refs and handles that outlive thousands of loops hold little") {
  std::vector<weft::loop_ref> refs;
  std::vector<weft::task<int>> handles;
  const std::size_t descriptors = open_descriptors();
  for (std::size_t i = 0; i < scaled(500, 100); ++i) {
    run([&] {
      refs.push_back(weft::this_loop());
      handles.push_back(weft::spawn([i] { return static_cast<int>(i); }));
      weft::yield();
    });
  }
  int expected = 0;
  for (auto& one : handles) CHECK(one.get() == expected++);
  for (const auto& one : refs) CHECK(one.has_ended());
  refs.clear();
  handles.clear();
  CHECK(open_descriptors() == descriptors);
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 12: a hundred thousand timers, half of them cancelled, fire once each") {
  run([] {
    const int count = static_cast<int>(scaled(100'000, 5'000));
    int fired = 0;
    int early = 0;
    std::vector<weft::task<>> sleepers;
    sleepers.reserve(static_cast<std::size_t>(count));
    for (int i = 0; i < count; ++i) {
      sleepers.push_back(weft::spawn([&, i] {
        const auto deadline = weft::now() + std::chrono::microseconds(50'000 + i % 1000 * 20);
        weft::await_sleep_until(deadline);
        if (weft::now() < deadline) ++early;
        ++fired;
      }));
    }
    weft::yield();
    int cancelled = 0;
    for (std::size_t i = 0; i < sleepers.size(); i += 2) {
      const bool was_done = sleepers[i].done();
      cancelled += sleepers[i].cancel() && !was_done ? 1 : 0;
    }
    for (auto& one : sleepers) one.join();
    CHECK(early == 0);
    CHECK(fired + cancelled >= count);
    CHECK(fired >= count / 2);
  });
}
