// SPDX-License-Identifier: BSL-1.0
// Under AddressSanitizer and ThreadSanitizer a correct fiber program is silent and a wrong one is
// caught, as in a threaded program. In a plain build the first half still runs.
#include <atomic>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/child.hpp"
#include "support/no_leaks.hpp"
#include "support/skip.hpp"
#include "weft/weft.hpp"

#if WEFT_TESTS_ASAN
#include <sanitizer/asan_interface.h>
#endif

using weft_tests::no_leaks;

namespace {

// Throws through frames that hold arrays (their red zones must go), across parks.
[[gnu::noinline]] int thrower(int depth) {
  volatile char block[256] = {};
  block[static_cast<std::size_t>(depth)] = 1;
  if (depth == 0) {
    weft::yield();
    throw std::runtime_error("bottom");
  }
  return thrower(depth - 1) + block[0];
}

int catches(int rounds) {
  int caught = 0;
  for (int i = 0; i < rounds; ++i) {
    try {
      thrower(i % 20);
    } catch (const std::runtime_error&) {
      weft::yield();
      ++caught;
    }
  }
  return caught;
}

void hundred_fibers_throw() {
  std::vector<weft::task<int>> fibers;
  for (int i = 0; i < 100; ++i) fibers.push_back(weft::spawn([] { return catches(50); }));
  for (auto& one : fibers) {
    if (one.get() != 50) std::abort();
  }
}

// Until the tenants are cancelled, each stack holds arrays with red zones.
void cancel_hundred_tenants() {
  std::vector<weft::task<int>> tenants;
  for (int i = 0; i < 100; ++i) {
    tenants.push_back(weft::spawn([] {
      volatile char block[1024] = {};
      block[512] = 1;
      weft::await_sleep(weft::duration::max());
      return static_cast<int>(block[0]);
    }));
  }
  weft::yield();
}

// What is to be silent must not say either that a loaded machine was slow.
weft::options unwatched() {
  weft::options how;
  how.slow_step = weft::duration::zero();
  return how;
}

}  // namespace

// In a child, because a sanitizer that only warns ("False positive error reports may follow") would
// not fail the test.
TEST_CASE("H14 H15: a hundred fibers throw and catch across yields in silence") {
  const auto end = weft_tests::run_child([] {
    weft::run(unwatched(), [] { hundred_fibers_throw(); });
    return 0;
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE("H14 H15: again on recycled stacks, and after cancelled tenants") {
  const auto end = weft_tests::run_child([] {
    weft::run(unwatched(), [] {
      for (int round = 0; round < 3; ++round) {
        cancel_hundred_tenants();
        hundred_fibers_throw();
      }
    });
    return 0;
  });
  CHECK(end.output == "");
  CHECK(end.status == 0);
}

TEST_CASE_FIXTURE(no_leaks, "H15: fibers of several loops that share nothing are silent") {
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([] {
      weft::run([] {
        std::vector<weft::task<int>> fibers;
        for (int i = 0; i < 30; ++i) fibers.push_back(weft::spawn([] { return catches(10); }));
        for (auto& one : fibers) one.join();
      });
    });
  }
  for (auto& one : threads) one.join();
  CHECK(threads.size() == 3);
}

TEST_CASE_FIXTURE(no_leaks, "H31: a recycled stack carries no poison of its last tenant") {
#if WEFT_TESTS_ASAN
  run([] {
    char* spoiled = nullptr;
    weft::spawn([&] {
      spoiled = static_cast<char*>(__builtin_frame_address(0)) - 64 * 1024;
      ASAN_POISON_MEMORY_REGION(spoiled, 32 * 1024);
    }).join();
    const bool is_clean =
        weft::spawn([&] { return __asan_region_is_poisoned(spoiled, 32 * 1024) == nullptr; }).get();
    CHECK(is_clean);
  });
#else
  WEFT_SKIP("not built with AddressSanitizer");
#endif
}

TEST_CASE("H31: memory that goes back to its source carries no poison") {
#if WEFT_TESTS_ASAN
  struct looking final : weft_tests::counting_stacks {
    void unmap(void* memory, std::size_t bytes) noexcept override {
      if (__asan_region_is_poisoned(memory, bytes) != nullptr) was_poisoned = true;
      counting_stacks::unmap(memory, bytes);
    }
    bool was_poisoned = false;
  } source;
  weft::options how;
  how.stacks = &source;
  weft::run(how, [] {
    weft::spawn([] {
      char* const low = static_cast<char*>(__builtin_frame_address(0)) - 64 * 1024;
      ASAN_POISON_MEMORY_REGION(low, 4096);
    }).join();
  });
  CHECK(source.unmaps > 0);
  CHECK_FALSE(source.was_poisoned);
#else
  WEFT_SKIP("not built with AddressSanitizer");
#endif
}

#if WEFT_TESTS_ASAN
// Out of line: UndefinedBehaviorSanitizer would see the array's bounds, and speak first.
[[gnu::noinline]] static void write_at(volatile char* block, int index) { block[index] = 1; }
#endif

TEST_CASE("H14: AddressSanitizer still finds an overrun in a fiber, across a yield") {
#if WEFT_TESTS_ASAN
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      weft::spawn([] {
        volatile char block[32] = {};
        volatile int beyond = 32;
        weft::yield();
        write_at(block, beyond);
        beyond = block[0];
      }).join();
    });
    return 0;
  });
  CHECK(end.says("stack-buffer-overflow"));
  CHECK(end.status != 0);
#else
  WEFT_SKIP("not built with AddressSanitizer");
#endif
}

TEST_CASE("H15: ThreadSanitizer still finds a race between fibers of two loops") {
#if WEFT_TESTS_TSAN
  const auto end = weft_tests::run_child([] {
    static long shared = 0;
    static std::atomic<int> there{0};
    auto touch = [] {
      weft::run([] {
        weft::spawn([] {
          // Relaxed: both are at work at the same time, and nothing orders them.
          there.fetch_add(1, std::memory_order_relaxed);
          while (there.load(std::memory_order_relaxed) < 2) weft::yield();
          for (int i = 0; i < 10'000; ++i) {
            ++shared;
            if (i % 100 == 0) weft::yield();
          }
        }).join();
      });
    };
    std::thread other(touch);
    touch();
    other.join();
    return 0;
  });
  CHECK(end.says("data race"));
#else
  WEFT_SKIP("not built with ThreadSanitizer");
#endif
}
