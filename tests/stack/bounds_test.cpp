// SPDX-License-Identifier: BSL-1.0
// Sizes: what one may ask for, and what this_fiber::stack_used() and stack_left() tell.
#include <cstddef>
#include <limits>
#include <stdexcept>
#include <vector>

#include <doctest/doctest.h>

#include "support/no_leaks.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;

namespace {

struct measure {
  std::size_t used;
  std::size_t left;
};

[[gnu::noinline]] measure measure_here() {
  return {weft::this_fiber::stack_used(), weft::this_fiber::stack_left()};
}

template <std::size_t Bytes>
[[gnu::noinline]] measure measure_below() {
  volatile char block[Bytes];
  block[0] = 0;
  block[Bytes - 1] = 0;
  asm volatile("" : : "r"(&block) : "memory");  // else only the two bytes are on the stack
  const measure found = measure_here();
  block[0] = block[Bytes - 1];
  return found;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "stack_used and stack_left: together the stack that was asked for") {
  run([] {
    for (const std::size_t bytes : {64U * 1024U, 256U * 1024U, 1024U * 1024U}) {
      weft::spawn_options how;
      how.stack_bytes = bytes;
      const measure found = weft::spawn(how, [] { return measure_here(); }).get();
      CHECK(found.used > 0);
      CHECK(found.used < 16 * 1024);
      // Up to 32 cache lines less by the stagger; never more than one doubling above.
      CHECK(found.used + found.left + 32 * 64 >= bytes);
      CHECK(found.used + found.left <= bytes * 2);
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack_used grows, and stack_left shrinks, by what a frame holds") {
  run([] {
    const auto [flat, deep] =
        weft::spawn([] { return std::pair(measure_here(), measure_below<40 * 1024>()); }).get();
    CHECK(deep.used - flat.used >= 40 * 1024);
    CHECK(deep.used - flat.used < 48 * 1024);
    CHECK(flat.left - deep.left == deep.used - flat.used);
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack_left: what it tells can be used") {
  run([] {
    weft::spawn([] {
      while (weft::this_fiber::stack_left() > 100 * 1024) {
        volatile char* const block = static_cast<char*>(__builtin_alloca(32 * 1024));
        block[0] = 1;
      }
      volatile char* const most = static_cast<char*>(__builtin_alloca(64 * 1024));
      most[0] = 1;
      CHECK(weft::this_fiber::stack_left() < 64 * 1024);
    }).get();
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "stack_left: a fiber that follows one of another size has its own size") {
  run([] {
    const auto left = [](std::size_t bytes) {
      weft::spawn_options how;
      how.stack_bytes = bytes;
      return weft::spawn(how, [] { return weft::this_fiber::stack_left(); });
    };
    auto small = left(64 * 1024);
    auto large = left(1024 * 1024);
    auto small_again = left(64 * 1024);
    CHECK(small.get() < 64 * 1024);
    CHECK(large.get() > 1000 * 1024);
    CHECK(small_again.get() < 64 * 1024);
  });
}

TEST_CASE_FIXTURE(no_leaks, "stack_left on main: the thread's own stack") {
  run([] {
    const measure found = measure_here();
    CHECK(found.left > 256 * 1024);
    CHECK(found.used + found.left < std::size_t{1} << 47);
  });
}

TEST_CASE("stack_used and stack_left outside a fiber are a misuse") {
  CHECK_THROWS_AS(weft::this_fiber::stack_used(), std::logic_error);
  CHECK_THROWS_AS(weft::this_fiber::stack_left(), std::logic_error);
}

TEST_CASE_FIXTURE(no_leaks,
                  "an impossible stack size is refused by spawn with the number in the text") {
  run([] {
    weft::spawn_options how;
    how.stack_bytes = std::numeric_limits<std::size_t>::max();
    const weft_tests::counted captured;
    CHECK_THROWS_WITH_AS(
        weft::spawn(how, [captured] {}).join(),
        "weft: stack_bytes 18446744073709551615 is more than the 64 GiB that a stack may have; "
        "give a size in bytes, e.g. 256 * 1024",
        std::logic_error);
    CHECK(weft_tests::counted::alive() == 1);
    how.stack_bytes = (std::size_t{64} << 30) + 1;
    CHECK_THROWS_AS(weft::spawn(how, [] {}).join(), std::logic_error);
  });
}

TEST_CASE_FIXTURE(no_leaks, "an impossible stack size is refused by run before main begins") {
  weft::options how;
  how.stack_bytes = std::numeric_limits<std::size_t>::max() - 5000;
  bool began = false;
  CHECK_THROWS_AS(run(how, [&] { began = true; }), std::logic_error);
  CHECK_FALSE(began);
}

TEST_CASE_FIXTURE(no_leaks,
                  "stacks from 64 KiB to 8 MiB hold what they promise; 1 MiB alloca in 2 MiB") {
  run([] {
    for (std::size_t bytes = 64 * 1024; bytes <= 8 * 1024 * 1024; bytes *= 2) {
      weft::spawn_options how;
      how.stack_bytes = bytes;
      weft::spawn(how, [bytes] {
        volatile char* const block = static_cast<char*>(__builtin_alloca(bytes / 2));
        for (std::size_t i = 0; i < bytes / 2; i += 4096) block[i] = 1;
        weft::yield();
        CHECK(block[0] == 1);
        CHECK(weft::this_fiber::stack_used() >= bytes / 2);
      }).get();
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "stacks of many odd sizes share a few mappings") {
  run([&] {
    std::vector<weft::task<>> parked;
    for (std::size_t i = 0; i < 200; ++i) {
      weft::spawn_options how;
      how.stack_bytes = 40'000 + i * 777;
      parked.push_back(weft::spawn(how, [] { weft::await_sleep(weft::duration::max()); }));
    }
    weft::yield();
    CHECK(stacks.maps < 32);
  });
}
