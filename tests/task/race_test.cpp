// SPDX-License-Identifier: BSL-1.0
// race, and what becomes of those who lose.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <variant>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/race.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::race;
using weft::spawn;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::on_every_seed;
using weft_tests::on_virtual_time;

TEST_CASE_FIXTURE(on_every_seed, "race: the first to end gives the result, at its place") {
  run([] {
    const auto start = weft::now();
    const auto won = race(
        [] {
          await_sleep(5ms);
          return 1;
        },
        [] {
          await_sleep(1ms);
          return std::string("fast");
        },
        [] { await_sleep(1h); });
    CHECK(won.index() == 1);
    CHECK(std::get<1>(won) == "fast");
    CHECK(weft::now() - start == 1ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 44: race waits for the losers that it cancelled") {
  run([] {
    const auto start = weft::now();
    bool was_cleaned_up = false;
    race([] { await_sleep(1ms); },
         [&] {
           try {
             await_sleep(1h);
           } catch (const cancelled&) {
             weft::shielded([] { await_sleep(4ms); });
             was_cleaned_up = true;
             throw;
           }
         });
    CHECK(was_cleaned_up);
    CHECK(weft::now() - start == 5ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 44: a loser that also won is handed to the discard hook") {
  run([] {
    int discarded = 0;
    const auto won = race(weft::discard([&](auto&& late) {
                            using T = std::decay_t<decltype(late)>;
                            if constexpr (std::is_same_v<T, std::unique_ptr<int>>) {
                              discarded = *late;
                            }
                          }),
                          [] { await_sleep(1ms); },
                          [] {
                            try {
                              await_sleep(1h);
                            } catch (const cancelled&) {
                            }
                            return std::make_unique<int>(5);
                          });
    CHECK(won.index() == 0);
    CHECK(discarded == 5);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 44: without a hook a late result is destroyed") {
  run([] {
    race([] { await_sleep(1ms); },
         [] {
           try {
             await_sleep(1h);
           } catch (const cancelled&) {
           }
           return counted();
         });
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "sem 45: racers start left to right, so the leftmost wins a draw") {
  run([] {
    std::string order;
    const auto won = race([&] { order += "a"; }, [&] { order += "b"; }, [&] { order += "c"; });
    CHECK(order == "abc");
    CHECK(won.index() == 0);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "race: the first to end may fail: its error is rethrown as it is") {
  run([] {
    bool loser_ended = false;
    CHECK_THROWS_WITH_AS(race(
                             [] {
                               await_sleep(1ms);
                               throw std::runtime_error("lost the line");
                             },
                             [&] {
                               struct mark {
                                 bool* to;
                                 ~mark() { *to = true; }
                               } last{&loser_ended};
                               await_sleep(1h);
                             }),
                         "lost the line", std::runtime_error);
    CHECK(loser_ended);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "race: an error of a loser is reported once") {
  run([] {
    weft_tests::capture_reports reports;
    race([] { await_sleep(1ms); },
         [] {
           try {
             await_sleep(1h);
           } catch (const cancelled&) {
             throw std::runtime_error("while closing");
           }
         });
    CHECK(reports.texts().size() == 1);
    CHECK(reports.texts().back().find("while closing") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "race: takes tasks as well; a loser's result stays in its handle") {
  run([] {
    auto slow = spawn([] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
      }
      return 2;
    });
    const auto won = race(slow, [] {
      await_sleep(1ms);
      return 1;
    });
    CHECK(won.index() == 1);
    CHECK(slow.done());
    CHECK(slow.get() == 2);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 19: a cancel of who waits in race cancels all racers") {
  run([] {
    int ended = 0;
    struct mark {
      int* to;
      ~mark() { ++*to; }
    };
    const auto one = [&] {
      const mark last{&ended};
      await_sleep(1h);
    };
    CHECK_FALSE(weft::move_on_after(1ms, [&] { race(one, one, one); }));
    CHECK(ended == 3);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "race: misuse is told") {
  CHECK_THROWS_WITH_AS(race([] {}), doctest::Contains("needs a running loop"), std::logic_error);
  run([] {
    weft::task<> empty;
    CHECK_THROWS_WITH_AS(race(empty, [] {}), doctest::Contains("empty handle as argument 1"),
                         std::logic_error);
  });
}
