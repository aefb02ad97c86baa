// SPDX-License-Identifier: BSL-1.0
// What counts as a failure of explore(), what it tells of one, and what it refuses.
#include <doctest/doctest.h>

#include <stdexcept>
#include <string>

#include "explored.hpp"
#include "support/capture_reports.hpp"
#include "support/child.hpp"

using namespace weft_tests;
using namespace std::chrono_literals;
using weft::testing::check;
using weft::testing::explore_options;
using weft::testing::shared;

namespace {

void lose_an_update() {
  shared<int> count(0, "count");
  const auto add = [&] { count = count + 1; };
  auto ada = weft::spawn({"ada"}, add);
  auto bob = weft::spawn({"bob"}, add);
  weft::gather(ada, bob);
  check(count.peek() == 2, "an update was lost");
}

}  // namespace

TEST_CASE_FIXTURE(exploring, "explore: what leaves main is a failure") {
  finds("std::runtime_error: odd", [] {
    int first = 0;
    weft::gather([&] { first = first == 0 ? 1 : first; }, [&] { first = first == 0 ? 2 : first; });
    if (first == 2) throw std::runtime_error("odd");
  });
}

TEST_CASE_FIXTURE(exploring,
                  "explore: a check that fails is a failure though somebody catches it") {
  finds("a check failed in fiber 3 'b': b is second", [] {
    bool has_run = false;
    auto b = weft::spawn({"b"}, [&] {
      try {
        check(has_run, "b is second");
      } catch (const std::exception&) {
      }
    });
    auto a = weft::spawn([&] { has_run = true; });
    weft::gather(a, b);
  });
}

TEST_CASE_FIXTURE(exploring, "explore: an error that nobody takes is a failure, and not reported") {
  const capture_reports reports;
  finds("was detached and ended with std::runtime_error: lost, which nobody took", [] {
    bool has_run = false;
    weft::spawn([&] {
      if (has_run) throw std::runtime_error("lost");
    }).detach();
    weft::gather([&] { has_run = true; });
    weft::yield();
  });
  CHECK(reports.texts().empty());
}

TEST_CASE_FIXTURE(exploring, "explore: a deadlock is a failure though main would catch it") {
  const auto found = finds("fiber 2 'main'", [] {
    waiting_room room;
    try {
      room.wait();
    } catch (...) {
    }
  });
  CHECK(found.failure.find("deadlock: every fiber waits") != std::string::npos);
  CHECK(found.timeline == "    1  fiber 2 'main': parks in future, and nothing can run any more");
}

TEST_CASE_FIXTURE(exploring, "explore: an endless sleep that nobody can end is a deadlock") {
  finds("waits in sleep", [] { weft::await_sleep(weft::duration::max()); });
}

TEST_CASE_FIXTURE(exploring, "explore: a schedule without an end is a failure") {
  explore_options how;
  how.max_steps = 1000;
  const auto found = finds(
      "did not end within 1000 steps",
      [] {
        for (;;) weft::yield();
      },
      how);
  CHECK(found.timeline.find("       ... 800 more\n") != std::string::npos);
}

TEST_CASE("explore: a deadlock that no cancel ends is left behind") {
  const child_end end = run_child([] {
    const auto found = weft::testing::explore([] {
      auto stuck =
          weft::spawn([] { weft::shielded([] { weft::await_sleep(weft::duration::max()); }); });
      weft::yield();
    });
    const bool is_known =
        found.failed && found.failure.find("waits in join for") != std::string::npos;
    // and the thread is free for another one
    return is_known && weft::run([] { return weft::spawn([] { return 5; }).get(); }) == 5 ? 0 : 1;
  });
  CHECK(end.status == 0);
  CHECK(end.says("weft: explore: schedule 1 failed: weft: deadlock"));
}

TEST_CASE("explore: a fiber that spins and catches all is left behind") {
  const child_end end = run_child([] {
    explore_options how;
    how.max_steps = 500;
    const auto found = weft::testing::explore(
        [] {
          for (;;) {
            try {
              weft::yield();
            } catch (...) {
              weft::testing::maybe_switch();
            }
          }
        },
        how);
    return found.failed ? 0 : 1;
  });
  CHECK(end.status == 0);
}

TEST_CASE_FIXTURE(exploring, "explore: the report has the failure, a line a step, and the seed") {
  const capture_reports reports;
  explore_options how;
  how.loop.stacks = &stacks;
  const auto found = weft::testing::explore(lose_an_update, how);
  REQUIRE(found.failed);
  REQUIRE(reports.texts().size() == 1);
  CHECK(
      reports.texts()[0] ==
      "weft: explore: schedule 2 failed: a check failed in fiber 2 'main': an update was lost\n"
      "    1  fiber 2 'main': spawns fiber 3 'ada' (explore_failures_test.cpp:23), spawns fiber 4 "
      "'bob' (explore_failures_test.cpp:24), parks in gather for fiber 3 'ada'\n"
      "    2  fiber 3 'ada': may switch\n"
      "    3  fiber 3 'ada': reads count, may switch\n"
      "    4  fiber 4 'bob': may switch\n"
      "    5  fiber 4 'bob': reads count, may switch\n"
      "    6  fiber 4 'bob': writes count, ends\n"
      "    7  fiber 3 'ada': writes count, ends, wakes fiber 2 'main'\n"
      "    8  fiber 2 'main': fails\n"
      "  again: WEFT_EXPLORE_SEED=" +
          found.seed);
}

TEST_CASE_FIXTURE(exploring, "explore: the same program fails in the same schedule each time") {
  const auto first = explore(lose_an_update);
  for (int i = 0; i < 20; ++i) {
    const auto again = explore(lose_an_update);
    CHECK(again.seed == first.seed);
    CHECK(again.timeline == first.timeline);
    CHECK(again.schedules == first.schedules);
  }
}

TEST_CASE_FIXTURE(exploring,
                  "explore: a seed that is none, mistyped or another program's is refused") {
  const auto refuses = [this](const char* seed, const char* why) {
    explore_options how;
    how.replay = seed;
    try {
      static_cast<void>(explore(lose_an_update, how));
      FAIL("accepted ", seed);
    } catch (const std::logic_error& error) {
      CHECK_MESSAGE(std::string(error.what()).find(why) != std::string::npos, error.what());
    }
  };
  const std::string seed = explore(lose_an_update).seed;
  std::string cut = seed;
  cut.erase(1, 1);
  refuses("hello", "is none");
  refuses(cut.c_str(), "mistyped or cut");
  const auto other = explore([] {  // the last of three to begin
    int begun = 0;
    const auto begin = [&begun](int place) {
      return [&begun, place] {
        check(++begun == place || place != 3 || begun != 1, "third is first");
      };
    };
    weft::gather(begin(1), begin(2), begin(3));
  });
  REQUIRE(other.failed);
  refuses(other.seed.c_str(), "another program");
}

TEST_CASE_FIXTURE(exploring, "explore: a body that does something else each time is refused") {
  int runs = 0;
  try {
    static_cast<void>(explore([&runs] {
      if (++runs % 2 == 1) {
        weft::gather(steps(2), steps(2));
      } else {
        weft::gather(steps(2), steps(2), steps(2));
      }
    }));
    FAIL("not noticed");
  } catch (const std::logic_error& error) {
    CHECK(std::string(error.what()).find("did not do the same again") != std::string::npos);
  }
}

TEST_CASE_FIXTURE(exploring, "explore: refused inside a running loop") {
  run([this] { CHECK_THROWS_AS(static_cast<void>(explore([] {})), std::logic_error); });
}

TEST_CASE_FIXTURE(exploring, "explore: what a failed schedule has started is cancelled and gone") {
  const long before = counted::alive();
  const auto found = explore([] {
    auto sleeper = weft::spawn([held = counted()] { weft::await_sleep(1h); });
    auto other = weft::spawn([held = counted()] { steps(5)(); });
    weft::yield();
    check(false, "at once");
  });
  CHECK(found.failed);
  CHECK(counted::alive() == before);
}
