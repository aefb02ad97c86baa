// SPDX-License-Identifier: BSL-1.0
// A reduction leaves out orders, and no end: what a program can come to is the same with it.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "explored.hpp"
#include "explored_program.hpp"

using namespace weft_tests;
using weft::testing::check;
using weft::testing::explore_options;
using weft::testing::reduction;
using weft::testing::shared;

namespace {

explore_options with(reduction one) {
  explore_options how;
  how.reduce = one;
  return how;
}

}  // namespace

TEST_CASE_FIXTURE(exploring, "explore: steps that touch different objects have one order") {
  const auto apart = [] {
    shared<int> a, b, c;
    const auto add = [](shared<int>& to) { return [&to] { to = to + 1; }; };
    weft::gather(add(a), add(b), add(c));
  };
  CHECK(explore(apart).schedules == 1680);  // 9! / (3! 3! 3!)
  const auto all = explore(apart, with(reduction::all_steps));
  CHECK(all.exhaustive);
  CHECK(all.schedules == 1);
  const auto declared = explore(apart, with(reduction::declared_steps));
  CHECK(declared.exhaustive);
  CHECK(declared.schedules > 1);  // each fiber's first step says nothing: it comes before a load
  CHECK(declared.schedules < 1680);
}

TEST_CASE_FIXTURE(exploring, "explore: steps that say nothing commute with none") {
  const auto body = [] { weft::gather(steps(3), steps(3)); };
  CHECK(explore(body, with(reduction::declared_steps)).schedules == 20);
  CHECK(explore(body, with(reduction::all_steps)).schedules == 1);
  const auto nothing = [] {
    for (int i = 0; i < 3; ++i) {
      if (i != 0) weft::yield();
      weft::testing::touch_nothing();
    }
  };
  CHECK(
      explore([&] { weft::gather(nothing, nothing); }, with(reduction::declared_steps)).schedules ==
      1);
}

TEST_CASE_FIXTURE(exploring, "explore: steps that only read an object commute") {
  int object = 0;
  const auto reads = [&] { weft::testing::touch_read(&object); };
  const auto writes = [&] { weft::testing::touch(&object); };
  const auto orders = [&](auto first, auto second) {
    const auto body = [&] {
      weft::testing::touch(&object);
      weft::gather(first, second);
    };
    return explore(body, with(reduction::declared_steps)).schedules;
  };
  CHECK(orders(reads, reads) == 1);
  CHECK(orders(reads, writes) == 2);
  CHECK(orders(writes, reads) == 2);
  CHECK(orders(writes, writes) == 2);
}

TEST_CASE_FIXTURE(exploring, "explore: with a reduction a lost update is found all the same") {
  const auto body = [] {
    shared<int> count, other;
    const auto add = [](shared<int>& to) { return [&to] { to = to + 1; }; };
    weft::gather(add(count), add(other), add(count));
    check(count.peek() == 2, "an update was lost");
  };
  finds("an update was lost", body, with(reduction::declared_steps));
  finds("an update was lost", body, with(reduction::all_steps));
}

TEST_CASE_FIXTURE(exploring, "explore: with a reduction timers race all the same") {
  const auto body = [] {
    const auto got = weft::move_on_after(std::chrono::hours(1), [] { steps(3)(); });
    check(got, "three steps took an hour");
  };
  finds("three steps took an hour", body, with(reduction::declared_steps));
  finds("three steps took an hour", body, with(reduction::all_steps));
}

TEST_CASE_FIXTURE(exploring, "explore: a bound switches a reduction off") {
  explore_options how = with(reduction::all_steps);
  how.preemption_bound = 100;
  CHECK(explore([] { weft::gather(steps(3), steps(3)); }, how).schedules == 20);
}

TEST_CASE_FIXTURE(exploring, "explore: each reduction leads to the ends of all orders") {
  std::uint64_t before = 0, after = 0;
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const explored_program program(seed, 3, 2);
    weft::testing::explore_result whole, declared, all;
    const auto ends = program.ends({}, whole);
    CHECK(whole.exhaustive);
    CHECK(program.ends(with(reduction::declared_steps), declared) == ends);
    CHECK(program.ends(with(reduction::all_steps), all) == ends);
    CHECK(declared.exhaustive);
    CHECK(all.exhaustive);
    CHECK(declared.schedules <= whole.schedules);
    CHECK(all.schedules <= whole.schedules);
    before += whole.schedules;
    after += all.schedules;
  }
  CHECK(after < before);
}
