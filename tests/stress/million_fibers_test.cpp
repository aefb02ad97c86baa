// SPDX-License-Identifier: BSL-1.0
// A million fibers, a hundred thousand at a time, each cancelled at a random point of its life:
// every object is destroyed once and the memory comes back.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include <malloc.h>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/resident.hpp"
#include "support/seed.hpp"
#include "weft/weft.hpp"

using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::resident_bytes;
using weft_tests::scaled;

namespace {

long constructed = 0;
long destroyed = 0;

struct tallied {
  tallied() { ++constructed; }
  tallied(const tallied&) { ++constructed; }
  tallied& operator=(const tallied&) = default;
  ~tallied() { ++destroyed; }
};

void live_a_while(unsigned parks) {
  const tallied first;
  if (parks > 0) weft::yield();
  {
    const tallied second;
    if (parks > 1) weft::yield();
    const tallied third;
    if (parks > 2) weft::await_sleep(weft::duration::max());
  }
}

// Returns how many were cancelled before their end.
std::size_t one_crowd(std::size_t count, std::minstd_rand& random) {
  std::vector<weft::task<>> crowd;
  crowd.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    crowd.push_back(weft::spawn(live_a_while, random() % 4));
  }
  for (auto turns = random() % 4; turns > 0; --turns) weft::yield();
  std::shuffle(crowd.begin(), crowd.end(), random);
  std::size_t cancelled = 0;
  for (std::size_t i = 0; i < count; ++i) {
    cancelled += crowd[i].cancel() ? 1 : 0;
    if (random() % 1000 == 0) weft::yield();
  }
  for (auto& one : crowd) one.join();
  return cancelled;
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 1: a million fibers cancelled at random leave nothing behind") {
  const unsigned seed = weft_tests::seed_of_this_run();
  CAPTURE(seed);
  constructed = destroyed = 0;
  const std::size_t live = scaled(100'000, 2'000);
  const std::size_t crowds = scaled(10, 3);
  malloc_trim(0);
  const std::size_t resident_before = resident_bytes();
  std::size_t cancelled = 0;
  weft::options how;
  how.stack_linger = std::chrono::milliseconds(250);
  run(how, [&] {
    std::minstd_rand random(seed);
    for (std::size_t i = 0; i < crowds; ++i) cancelled += one_crowd(live, random);
    if (!weft_tests::is_sanitized) {
      // The pool's share, 32 KiB touched a stack, and the records that are kept for reuse.
      const std::size_t kept = how.cached_stacks * 32 * 1024 + live * 1024;
      const std::size_t most = resident_before + resident_before / 5 + kept;
      // A second for most machines. Where a page costs 16 us, giving them back takes longer.
      for (int i = 0; i < 10 && (i == 0 || resident_bytes() > most); ++i) {
        weft::await_sleep(4 * how.stack_linger);
        malloc_trim(0);
      }
      CHECK(resident_bytes() <= most);
    }
  });
  CHECK(constructed == destroyed);
  CHECK(constructed > 0);
  CHECK(cancelled > live / 4);
  if (!weft_tests::is_sanitized) {
    malloc_trim(0);
    CHECK(resident_bytes() <= resident_before + resident_before / 5 + 8 * 1024 * 1024);
  }
}
