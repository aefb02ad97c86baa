// SPDX-License-Identifier: BSL-1.0
// How deep stacks went: right to a page, for each fiber and each spawn site, and not for what an
// earlier fiber did on the same stack.
#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <vector>

#include <sys/resource.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/debug.hpp"
#include "weft/weft.hpp"

using weft::debug::measure_stacks;
using weft::debug::stack_use;
using weft_tests::no_leaks;

namespace {

constexpr std::size_t KiB = 1024;
constexpr std::size_t one_page = 4 * KiB;
constexpr const char* frames_lie_elsewhere =
    "AddressSanitizer and ThreadSanitizer put frames and runtime calls where they like";

// Uses `bytes` of the stack, counted from the fiber's first frame, and returns what it really used.
[[gnu::noinline]] std::size_t use_down_to(std::size_t bytes) {
  const std::size_t already = weft::this_fiber::stack_used();
  if (already >= bytes) std::abort();
  const std::size_t most = bytes - already;
  volatile char* const block = static_cast<char*>(__builtin_alloca(most));
  for (std::size_t i = 0; i < most; i += 64) block[i] = 0;  // a zero is a use, too
  return already + most;
}

weft::options measuring() {
  weft::options how;
  how.measure_stacks = true;
  return how;
}

std::string site(int line) { return "high_water_test.cpp:" + std::to_string(line); }

const stack_use& named(const std::vector<stack_use>& uses, const std::string& who) {
  const auto found =
      std::find_if(uses.begin(), uses.end(), [&](const stack_use& one) { return one.who == who; });
  if (found == uses.end()) throw std::out_of_range("nothing is known of " + who);
  return *found;
}

// Torture 42: never less than was used, and less than a page more. The KiB is for the frames of
// weft's own functions, which lie deeper than what the test can count.
bool is_within_a_page(std::size_t told, std::size_t used) {
  return told >= used && told < used + one_page + 1 * KiB;
}

bool is_sorted_deepest_first(const std::vector<stack_use>& uses) {
  return std::is_sorted(uses.begin(), uses.end(), [](const stack_use& a, const stack_use& b) {
    return a.deepest_bytes > b.deepest_bytes;
  });
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 42: each fiber's deepest use is told to a page, while it is parked") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run(measuring(), [] {
    std::vector<std::size_t> used(50);
    std::vector<weft::task<>> parked;
    for (std::size_t i = 0; i < used.size(); ++i) {
      parked.push_back(weft::spawn([&used, i] {
        used[i] = use_down_to(4 * KiB + i * 4999);
        weft::await_sleep(weft::duration::max());
      }));
    }
    weft::yield();
    const auto all = measure_stacks();
    CHECK(all.is_exact);
    CHECK(all.fibers.size() == used.size() + 1);
    CHECK(is_sorted_deepest_first(all.fibers));
    for (std::size_t i = 0; i < used.size(); ++i) {
      const stack_use& told = named(all.fibers, "fiber " + std::to_string(i + 2));
      CAPTURE(used[i]);
      CAPTURE(told.deepest_bytes);
      CHECK(is_within_a_page(told.deepest_bytes, used[i]));
      CHECK(told.stack_bytes == 256 * KiB);
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack_high_water: the running fiber's own, and it never shrinks") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run(measuring(), [] {
    weft::spawn([] {
      CHECK(weft::this_fiber::stack_high_water() <= 2 * one_page);
      std::size_t deepest = 0;
      for (const std::size_t bytes : {20 * KiB, 200 * KiB, 40 * KiB}) {
        deepest = std::max(deepest, use_down_to(bytes));
        CHECK(is_within_a_page(weft::this_fiber::stack_high_water(), deepest));
        weft::yield();
      }
    }).get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "measure_stacks: a spawn site has the deepest of its fibers, and their number") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run(measuring(), [] {
    std::size_t deepest = 0;
    const auto dive = [&](std::size_t bytes) {
      deepest = std::max(deepest, use_down_to(bytes));
      weft::yield();
    };
    std::vector<weft::task<>> tasks;
    int line = 0;
    for (const std::size_t bytes : {8 * KiB, 120 * KiB, 30 * KiB}) {
      line = __LINE__ + 1;
      tasks.push_back(weft::spawn([&dive, bytes] { dive(bytes); }));
    }
    const int other = __LINE__ + 1;
    auto shallow = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
    const auto check = [&](std::size_t live) {
      const auto all = measure_stacks();
      const stack_use& told = named(all.sites, site(line));
      CHECK(told.count == 3);
      CHECK(told.stack_bytes == 256 * KiB);
      CHECK(is_within_a_page(told.deepest_bytes, deepest));
      CHECK(named(all.sites, site(other)).count == 1);
      CHECK(is_sorted_deepest_first(all.sites));
      CHECK(all.sites.front().who == site(line));
      CHECK(all.fibers.size() == live + 2);
    };
    weft::yield();
    check(3);  // while they live
    for (auto& one : tasks) one.join();
    check(0);  // and after their end
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "measure_stacks: a shallow fiber on a deep one's stack is told shallow") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run(measuring(), [&] {
    for (int round = 0; round < 3; ++round) {
      const int deep = __LINE__ + 1;
      weft::spawn([] { use_down_to(200 * KiB); }).join();
      const int shallow = __LINE__ + 1;
      weft::spawn([] { weft::yield(); }).join();
      const auto all = measure_stacks();
      CHECK(named(all.sites, site(deep)).deepest_bytes >= 200 * KiB);
      CHECK(named(all.sites, site(shallow)).deepest_bytes <= 2 * one_page);
      CHECK(named(all.sites, site(shallow)).count == static_cast<std::size_t>(round) + 1);
    }
    CHECK(stacks.maps == 1);  // it was one stack
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "measure_stacks: of two that run one right after the other, each is told") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run(measuring(), [&] {
    const int deep = __LINE__ + 1;
    auto first = weft::spawn([] { use_down_to(200 * KiB); });
    const int shallow = __LINE__ + 1;
    auto second = weft::spawn([] {});
    second.join();
    const auto all = measure_stacks();
    CHECK(named(all.sites, site(deep)).deepest_bytes >= 200 * KiB);
    CHECK(named(all.sites, site(shallow)).deepest_bytes <= 2 * one_page);
    CHECK(named(all.sites, site(deep)).count == 1);
  });
}

TEST_CASE_FIXTURE(no_leaks, "measure_stacks: without the option figures are at most too large") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run([] {
    weft::spawn([] { use_down_to(100 * KiB); }).join();
    auto shallow = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
    weft::yield();
    const auto all = measure_stacks();
    CHECK_FALSE(all.is_exact);
    CHECK(all.sites.size() == 1);  // those that have ended are not counted
    CHECK(named(all.fibers, "fiber 3").deepest_bytes >= 100 * KiB);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "measure_stacks: with_stack() calls have a site, and their stacks a row") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run(measuring(), [] {
    int line = 0;
    const auto call = [&](std::size_t bytes) {
      line = __LINE__ + 1;
      weft::with_stack(1024 * KiB, [&] {
        use_down_to(bytes);
        weft::yield();
      });
    };
    weft::spawn([&] { call(700 * KiB); }).join();
    auto inside = weft::spawn({"inside"}, [&] { call(300 * KiB); });
    weft::yield();
    const auto all = measure_stacks();
    const stack_use& over = named(all.sites, site(line));
    CHECK(over.count == 1);
    CHECK(is_within_a_page(over.deepest_bytes, 700 * KiB));
    CHECK(over.stack_bytes == 1024 * KiB);
    const stack_use& borrowed = named(all.fibers, "fiber 3 'inside' in with_stack()");
    CHECK(is_within_a_page(borrowed.deepest_bytes, 300 * KiB));
    CHECK(borrowed.stack_bytes == 1024 * KiB);
    CHECK(named(all.fibers, "fiber 3 'inside'").deepest_bytes <= 2 * one_page);
    call(10 * KiB);  // main, on its turn
    inside.join();
    CHECK(named(measure_stacks().sites, site(line)).count == 3);
  });
}

TEST_CASE_FIXTURE(no_leaks, "measure_stacks: main's is the thread's stack") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  run([] {
    const std::size_t before = weft::this_fiber::stack_high_water();
    CHECK(before >= weft::this_fiber::stack_used());
    const std::size_t used = use_down_to(before + 512 * KiB);
    CHECK(is_within_a_page(weft::this_fiber::stack_high_water(), used));
    CHECK(named(measure_stacks().fibers, "fiber 1 'main'").deepest_bytes >= used);
    weft::with_stack(64 * KiB, [&] {
      CHECK(named(measure_stacks().fibers, "fiber 1 'main'").deepest_bytes >= used);
    });
    weft::spawn([&] {
      CHECK(named(measure_stacks().fibers, "fiber 1 'main'").deepest_bytes >= used);
    }).get();
  });
}

TEST_CASE("measure_stacks: marks are right where the process may not open its pagemap") {
  if (weft_tests::is_sanitized) WEFT_SKIP(frames_lie_elsewhere);
  if (weft_tests::is_emulated()) WEFT_SKIP("without a descriptor the emulator starts no thread");
  const auto end = weft_tests::run_child([] {
    return weft::run(measuring(), [] {
      const rlimit no_more{0, 0};
      setrlimit(RLIMIT_NOFILE, &no_more);
      std::size_t used = 0;
      auto parked = weft::spawn([&] {
        used = use_down_to(100 * KiB);
        weft::await_sleep(weft::duration::max());
      });
      weft::yield();
      const std::size_t told = named(measure_stacks().fibers, "fiber 2").deepest_bytes;
      const std::size_t main_used = use_down_to(weft::this_fiber::stack_high_water() + 512 * KiB);
      return is_within_a_page(told, used) &&
                     is_within_a_page(weft::this_fiber::stack_high_water(), main_used)
                 ? 0
                 : 1;
    });
  });
  CAPTURE(end.output);
  CHECK(end.status == 0);
}

TEST_CASE_FIXTURE(no_leaks, "stack_report: two tables, the deepest first") {
  run(measuring(), [] {
    weft::spawn([] { use_down_to(100 * KiB); }).join();
    auto parked = weft::spawn({"parked"}, [] { weft::await_sleep(weft::duration::max()); });
    weft::yield();
    char* text = nullptr;
    std::size_t bytes = 0;
    std::FILE* const file = open_memstream(&text, &bytes);
    weft::debug::stack_report(file);
    std::fclose(file);
    const std::string report(text, bytes);
    std::free(text);
    CAPTURE(report);
    CHECK(report.rfind("weft: the deepest use of stacks\n", 0) == 0);
    const std::size_t sites = report.find("count  spawned at, or with_stack() at\n");
    const std::size_t fibers = report.find("count  live fiber\n");
    CHECK(sites != std::string::npos);
    CHECK(fibers > sites);
    CHECK(report.find("    262144        1  high_water_test.cpp:") < fibers);
    CHECK(report.find("    262144        1  fiber 3 'parked'\n") != std::string::npos);
    CHECK(report.find("fiber 1 'main'\n") > fibers);
  });
}

TEST_CASE("measure_stacks and stack_report on a plain thread are a misuse that says so") {
  CHECK_THROWS_WITH_AS(measure_stacks(),
                       doctest::Contains("weft: debug::measure_stacks() needs a running loop"),
                       std::logic_error);
  CHECK_THROWS_AS(weft::debug::stack_report(stderr), std::logic_error);
  CHECK_THROWS_AS(weft::this_fiber::stack_high_water(), std::logic_error);
}
