// SPDX-License-Identifier: BSL-1.0
// Programs made of chance: trees of scopes, timeouts, shields, groups and sleeps, in an order of
// chance. A seed makes the same events each time, and in each build of weft. Torture 34 asks for
// 1,000,000 seeds: WEFT_TEST_TIMES=100 does them; those of the semantic suites are drawn by
// `tests/run --seeds N`.
#include <chrono>
#include <cstdint>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/testing.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;

namespace {

struct random_tree {
  std::uint64_t state;

  std::uint64_t next(std::uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
  }

  void grow(int depth) {
    const auto span = next(20) * 1ms;
    switch (depth == 0 ? 0 : next(6)) {
      case 0:
        await_sleep(span);
        break;
      case 1:
        weft::move_on_after(span, [&] { grow(depth - 1); });
        break;
      case 2:
        weft::shielded([&] { grow(depth - 1); });
        break;
      case 3:
        grow_under_late_cancel(depth, span);
        break;
      case 4:
        grow_group(depth);
        break;
      default:
        try {
          weft::with_timeout(span, [&] { grow(depth - 1); });
        } catch (const weft::timeout_error&) {
        }
    }
  }

  void grow_under_late_cancel(int depth, weft::duration span) {
    weft::cancel_scope scope;
    auto late = weft::spawn([&, span] {
      await_sleep(span);
      scope.cancel();
    });
    weft::with_scope(scope, [&] { grow(depth - 1); });
  }

  void grow_group(int depth) {
    weft::with_task_group([&](weft::task_group& group) {
      for (int i = 0; i < 3; ++i) {
        group.spawn(
            [mine = random_tree{next(1'000'000) + 1}, depth]() mutable { mine.grow(depth - 1); });
      }
      grow(depth - 1);
    });
  }
};

class grown_trees : public weft_tests::no_leaks {
 public:
  std::uint64_t hash_of(std::uint64_t seed) {
    weft::testing::virtual_clock clock;
    weft::options how;
    how.seed = seed;
    how.time = &clock;
    how.stacks = &stacks;
    return weft::run(how, [seed] {
      const weft::testing::trace events;
      random_tree root{seed * 0x9e3779b97f4a7c15U | 1U};
      weft::move_on_after(1s, [&] { root.grow(5); });
      CHECK(weft_tests::live_fibers() == 0);
      return events.hash();
    });
  }

  const weft_tests::capture_reports quiet;  // of tasks that a timeout dropped before they ran
};

}  // namespace

TEST_CASE_FIXTURE(grown_trees,
                  "torture 34: random trees of scopes, groups and sleeps, the same twice") {
  const std::uint64_t seeds = weft_tests::scaled_on_demand(10'000, 200);
  for (std::uint64_t seed = 1; seed <= seeds; ++seed) {
    INFO("seed " << seed);
    CHECK(hash_of(seed) == hash_of(seed));
  }
}

// A change of the order in which weft does things changes the number: then write the new one, and
// tell those who keep seeds. What may not change it: compiler, backend, sanitizer, machine.
TEST_CASE_FIXTURE(grown_trees, "torture 34: the same seeds make the same events in every build") {
  std::uint64_t all = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) all = all * 31 + hash_of(seed);
  CHECK(all == 16'210'779'057'130'775'840U);
}
