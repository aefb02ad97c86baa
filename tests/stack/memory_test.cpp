// SPDX-License-Identifier: BSL-1.0
// Memory follows use: a burst of fibers does not stay resident, within the cache that was asked
// for, and a recycled stack is as good as new.
#include <chrono>
#include <cstddef>
#include <stdexcept>
#include <thread>
#include <utility>
#include <vector>

#include <malloc.h>
#include <unistd.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/emulated.hpp"
#include "support/no_leaks.hpp"
#include "support/resident.hpp"
#include "support/skip.hpp"
#include "weft/debug.hpp"
#include "weft/testing.hpp"
#include "weft/to_thread.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;
using weft_tests::resident_bytes;

namespace {

constexpr std::size_t touched = 64 * 1024;

[[gnu::noinline]] void touch_deeply() {
  volatile char block[touched];
  for (std::size_t i = 0; i < touched; i += 1024) block[i] = 1;
  asm volatile("" : : "r"(&block) : "memory");
}

// Returns what the burst added to the process at its peak.
std::size_t burst(std::size_t fibers) {
  const std::size_t before = resident_bytes();
  std::vector<weft::task<>> parked;
  for (std::size_t i = 0; i < fibers; ++i) {
    parked.push_back(weft::spawn([] {
      touch_deeply();
      weft::await_sleep(weft::duration::max());
    }));
  }
  weft::yield();
  return resident_bytes() - before;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "stack: after a burst only cached_stacks keep their memory") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's own memory hides that of the stacks");
  weft::options how;
  how.cached_stacks = 16;
  how.stack_linger = weft::duration::zero();
  run(how, [] {
    const std::size_t before = resident_bytes();
    const std::size_t peak = burst(1000);
    CHECK(peak > 1000 * touched);
    CHECK(peak < 1000 * (touched + 64 * 1024));  // no huge page behind each of them
    malloc_trim(0);
    CHECK(resident_bytes() < before + 16 * touched * 2 + 4 * 1024 * 1024);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "stack: beyond the cache idle stacks linger, then their memory goes back") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's own memory hides that of the stacks");
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_memory_figures_under_emulation);
  weft::testing::virtual_clock time;
  weft::options how;
  how.time = &time;
  how.cached_stacks = 16;
  how.stack_linger = std::chrono::seconds(10);
  run(how, [this] {
    auto stays = weft::spawn([] { weft::await_sleep(weft::duration::max()); });
    const std::size_t before = resident_bytes();
    const auto added = [before] {
      malloc_trim(0);
      return resident_bytes() > before ? resident_bytes() - before : 0;
    };
    burst(1000);
    CHECK(added() > 1000 * touched);
    weft::await_sleep(std::chrono::seconds(9));
    CHECK(added() > 1000 * touched);
    CHECK(weft::debug::snapshot().stacks_cached >= 1000);
    const std::size_t mapped = stacks.mapped;
    burst(1000);  // on the same ones
    CHECK(stacks.mapped == mapped);
    // A look each second: some are given back at each, as a real clock's loop does.
    for (int second = 0; second < 60; ++second) weft::await_sleep(std::chrono::seconds(1));
    CHECK(added() < 16 * touched * 2 + 4 * 1024 * 1024);
    CHECK(weft::debug::snapshot().stacks_cached <= 17);
    CHECK(stacks.mapped < mapped / 2);
    CHECK_FALSE(stays.done());
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack: a loop that sleeps wakes up to give lingering stacks back") {
  weft::options how;
  how.cached_stacks = 0;
  how.stack_linger = std::chrono::milliseconds(5);
  run(how, [this] {
    burst(500);
    const std::size_t mapped = stacks.mapped;
    // Nothing else wakes the loop before the other thread has seen it.
    CHECK(weft::to_thread([&] {
      const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
      while (stacks.mapped > mapped / 4 && std::chrono::steady_clock::now() < end) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      return stacks.mapped <= mapped / 4;
    }));
  });
}

TEST_CASE("stack: a negative linger is refused") {
  weft::options how;
  how.stack_linger = std::chrono::nanoseconds(-1);
  CHECK_THROWS_AS(weft::run(how, [] {}), std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks, "stack: a loop that has nothing to do keeps no more than its cache") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's own memory hides that of the stacks");
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_memory_figures_under_emulation);
  weft::options how;
  how.cached_stacks = 0;
  how.stack_linger = weft::duration::zero();
  run(how, [] {
    auto stays = weft::spawn([] { weft::await_sleep(weft::duration::max()); });  // keeps the slab
    const std::size_t before = resident_bytes();
    burst(12);  // too few for a system call that gives back many
    weft::await_sleep(std::chrono::microseconds(100));
    malloc_trim(0);
    CHECK(resident_bytes() < before + 4 * touched);
    CHECK_FALSE(stays.done());
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack: idle stacks between busy ones give their memory back as well") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's own memory hides that of the stacks");
  weft::options how;
  how.cached_stacks = 0;
  how.stack_linger = weft::duration::zero();
  run(how, [] {
    const std::size_t before = resident_bytes();
    std::vector<weft::task<>> parked;
    for (int i = 0; i < 1000; ++i) {
      parked.push_back(weft::spawn([] {
        touch_deeply();
        weft::await_sleep(weft::duration::max());
      }));
    }
    weft::yield();
    std::vector<weft::task<>> stay;  // one in each slab keeps the mapping
    for (std::size_t i = 0; i < 1000; i += 8) stay.push_back(std::move(parked[i]));
    parked.clear();
    malloc_trim(0);
    CHECK(resident_bytes() - before < stay.size() * touched * 2 + 4 * 1024 * 1024);
    CHECK_FALSE(stay.back().done());
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "stack: idle stacks of a larger size are kept up to the memory of default ones") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's own memory hides that of the stacks");
  weft::options how;
  how.cached_stacks = 64;
  how.stack_linger = weft::duration::zero();
  run(how, [] {
    const std::size_t before = resident_bytes();
    std::vector<weft::task<>> parked;
    for (int i = 0; i < 64; ++i) {
      parked.push_back(weft::spawn([] {
        weft::with_stack(std::size_t{4} << 20, [] {
          for (int part = 0; part < 16; ++part) {
            volatile char* const block = static_cast<char*>(__builtin_alloca(touched));
            for (std::size_t at = 0; at < touched; at += 1024) block[at] = 1;
          }
          weft::await_sleep(weft::duration::max());
        });
      }));
    }
    weft::yield();
    CHECK(resident_bytes() - before > 64 * 16 * touched);
    parked.clear();
    malloc_trim(0);
    CHECK(resident_bytes() - before < 64 * 16 * touched / 4);  // 4 of 64 are kept
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack: large idle stacks do not wait for others to be given back") {
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's own memory hides that of the stacks");
  weft::options how;
  how.cached_stacks = 0;
  how.stack_linger = weft::duration::zero();
  run(how, [] {
    const auto sleep_deeply = [] {
      weft::with_stack(std::size_t{4} << 20, [] {
        for (int part = 0; part < 16; ++part) {
          volatile char* const block = static_cast<char*>(__builtin_alloca(touched));
          for (std::size_t at = 0; at < touched; at += 1024) block[at] = 1;
        }
        weft::await_sleep(weft::duration::max());
      });
    };
    auto stays = weft::spawn(sleep_deeply);  // keeps the mapping
    weft::yield();
    const std::size_t before = resident_bytes();
    std::vector<weft::task<>> parked;
    for (int i = 0; i < 14; ++i) parked.push_back(weft::spawn(sleep_deeply));
    weft::yield();
    CHECK(resident_bytes() - before > 14 * 16 * touched);
    parked.clear();
    malloc_trim(0);
    CHECK(resident_bytes() < before + 4 * 16 * touched);
    CHECK_FALSE(stays.done());
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack: bursts one after another do not add up") {
  if (weft_tests::is_emulated()) WEFT_SKIP(weft_tests::no_memory_figures_under_emulation);
  if (weft_tests::is_sanitized) WEFT_SKIP("a sanitizer's own memory hides that of the stacks");
  weft::options how;
  how.cached_stacks = 64;
  how.stack_linger = weft::duration::zero();
  run(how, [&] {
    burst(500);
    malloc_trim(0);
    const std::size_t after_one = resident_bytes();
    const std::size_t mapped_after_one = stacks.mapped;
    for (int i = 0; i < 5; ++i) burst(500);
    malloc_trim(0);
    CHECK(resident_bytes() < after_one + 4 * 1024 * 1024);
    CHECK(stacks.mapped <= 2 * mapped_after_one);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "H31: a deep tenant leaves nothing that harms a shallow or a deeper one") {
  run([] {
    for (int round = 0; round < 20; ++round) {
      weft::spawn([] { touch_deeply(); }).join();
      auto abandoned = weft::spawn([] {
        volatile char block[8192] = {};
        block[17] = 1;
        weft::await_sleep(weft::duration::max());
        block[18] = block[17];
      });
      weft::yield();
      abandoned.cancel();
      abandoned.join();
      CHECK(abandoned.was_cancelled());
      weft::spawn([] { touch_deeply(); }).get();
    }
  });
}
