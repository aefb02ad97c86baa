// SPDX-License-Identifier: BSL-1.0
// Exceptions in large numbers: everything throws, and everybody gets his own. The counts that the
// tortures ask for (a million of 20) come with WEFT_TEST_TIMES=10.
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "weft/weft.hpp"

using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

namespace {

struct parks_on_destruction {
  bool& is_right;
  ~parks_on_destruction() {
    const int before = std::uncaught_exceptions();
    weft::yield();
    if (std::uncaught_exceptions() != before) is_right = false;
  }
};

// Throws, parks while it unwinds and in the handler, throws within it, and rethrows the outer one.
bool gets_its_own(std::size_t mine, std::minstd_rand dice, int depth) {
  bool is_right = std::uncaught_exceptions() == 0 && std::current_exception() == nullptr;
  try {
    try {
      const parks_on_destruction parks{is_right};
      throw mine;
    } catch (std::size_t) {
      for (auto parks = dice() % 4; parks > 0; --parks) weft::yield();
      if (depth > 0) {
        try {
          const parks_on_destruction parks{is_right};
          throw ~mine;
        } catch (std::size_t inner) {
          for (auto parks = dice() % 4; parks > 0; --parks) weft::yield();
          is_right = is_right && inner == ~mine;
        }
      }
      throw;
    }
  } catch (std::size_t got) {
    is_right = is_right && got == mine;
  }
  return is_right && (depth == 0 || gets_its_own(mine + 1, dice, depth - 1));
}

}  // namespace

TEST_CASE_FIXTURE(no_leaks,
                  "torture 20: every fiber of a hundred thousand throws; each error arrives") {
  run([] {
    const std::size_t count = scaled_on_demand(100'000, 2'000);
    std::vector<weft::task<>> crowd;
    crowd.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      crowd.push_back(weft::spawn([i] {
        if (std::uncaught_exceptions() != 0) std::abort();
        if (i % 2 == 0) weft::yield();
        throw i;
      }));
    }
    std::size_t right = 0;
    for (std::size_t i = 0; i < count; ++i) {
      try {
        crowd[i].get();
      } catch (std::size_t thrown) {
        right += thrown == i ? 1 : 0;
      }
    }
    CHECK(right == count);
    CHECK(std::uncaught_exceptions() == 0);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "torture 20: a hundred thousand tasks in groups all throw; each is in the tree") {
  constexpr std::size_t children = 100;
  const std::size_t groups = scaled_on_demand(1'000, 20);
  run([groups] {
    std::size_t arrived = 0;
    for (std::size_t round = 0; round < groups; ++round) {
      try {
        weft::with_task_group([](weft::task_group& group) {
          for (std::size_t i = 0; i < children; ++i) {
            group.spawn([i] {
              if (std::uncaught_exceptions() != 0) std::abort();
              try {
                weft::await_sleep(weft::duration::max());
              } catch (const weft::cancelled&) {
                throw i;
              }
            });
          }
          weft::yield();  // who has not begun when the group fails, never does
          throw children;
        });
      } catch (const weft::exception_group& errors) {
        arrived += errors.size();
      }
    }
    CHECK(arrived == groups * (children + 1));
    CHECK(std::uncaught_exceptions() == 0);
  });
}

TEST_CASE_FIXTURE(
    no_leaks,
    "torture 21: a thousand fibers nest, park in handlers and destructors; each rethrows its own") {
  const std::size_t rounds = scaled_on_demand(10, 1);
  for (std::size_t round = 0; round < rounds; ++round) {
    const unsigned seed = weft_tests::seed_of_this_run() + static_cast<unsigned>(round);
    CAPTURE(seed);
    weft::options how;
    how.seed = seed;
    run(how, [seed] {
      std::vector<weft::task<bool>> all;
      for (std::size_t i = 0; i < 1'000; ++i) {
        all.push_back(weft::spawn([seed, i] {
          return gets_its_own(i, std::minstd_rand(seed + static_cast<unsigned>(i)), 3);
        }));
      }
      std::size_t right = 0;
      for (auto& one : all) right += one.get() ? 1 : 0;
      CHECK(right == all.size());
      CHECK(std::current_exception() == nullptr);
    });
  }
}
