// SPDX-License-Identifier: BSL-1.0
// What explore() promises about the schedules that it runs: how many, in what bounds, and that each
// begins as the first one did.
#include "weft/explore.hpp"

#include <doctest/doctest.h>

#include <set>
#include <string>

#include "explored.hpp"
#include "weft/testing.hpp"

using namespace weft_tests;
using namespace std::chrono_literals;
using weft::testing::check;
using weft::testing::explore_options;
using weft::testing::maybe_switch;
using weft::testing::shared;

TEST_CASE_FIXTURE(exploring, "explore: two fibers of three steps have 20 orders") {
  std::set<std::string> orders;
  const auto found = explore([&] {
    std::string order;
    const auto write = [&order](char name) {
      return [&order, name] {
        for (int i = 0; i < 3; ++i) {
          if (i != 0) weft::yield();
          order += name;
        }
      };
    };
    weft::gather(write('a'), write('b'));
    orders.insert(order);
  });
  CHECK(found.exhaustive);
  CHECK(found);
  CHECK(found.schedules == 20);
  CHECK(orders.size() == 20);  // each of them another one
}

TEST_CASE_FIXTURE(exploring, "explore: a choice among one is no choice") {
  CHECK(explore([] {}).schedules == 1);
  CHECK(explore([] { weft::spawn([] { weft::yield(); }).join(); }).schedules == 1);
  CHECK(explore([] { weft::await_sleep(1h); }).schedules == 1);
  CHECK(explore([] { weft::gather([] {}, [] {}); }).schedules == 2);  // who begins
  CHECK(explore([] { weft::gather([] {}, [] {}, [] {}); }).schedules == 6);
}

TEST_CASE_FIXTURE(exploring,
                  "explore: main's own steps between its joins are steps as others are") {
  // The end of `a` wakes main, which goes on to the second join: at any place among b's steps that
  // are left.
  const auto found = explore([] {
    auto a = weft::spawn(steps(3));
    auto b = weft::spawn(steps(3));
    a.join();
    b.join();
  });
  CHECK(found.schedules == 35);
  const auto group = explore([] {
    weft::with_task_group([](weft::task_group& g) {
      g.spawn(steps(3));
      g.spawn(steps(3));
    });
  });
  CHECK(group.schedules == 20);
}

TEST_CASE_FIXTURE(exploring, "explore: an eager task is no choice until its first wait") {
  const auto found = explore([] {
    bool is_done = false;
    int others = 0;
    weft::task<> eager;
    weft::gather(
        [&] {
          const int before = others;
          weft::spawn_options how;
          how.eager = true;
          eager = weft::spawn(std::move(how), [&] {
            is_done = true;
            weft::yield();
          });
          check(is_done, "it ran inside spawn()");
          check(others == before, "then its spawner went on");
        },
        [&] { ++others; });
    eager.join();
  });
  // The second goes before the first, behind it, or behind the eager task's rest; and in the first
  // two main may come to its join before that rest, or behind it.
  CHECK(found.schedules == 5);
  CHECK(found.exhaustive);
  CHECK_MESSAGE(!found.failed, found.failure << '\n' << found.timeline);
}

TEST_CASE_FIXTURE(exploring, "explore: a preemption bound leaves orders out, and says so") {
  explore_options how;
  const auto body = [] { weft::gather(steps(3), steps(3)); };
  std::uint64_t before = 0;
  for (unsigned bound = 0; bound < 6; ++bound) {
    how.preemption_bound = bound;
    const auto found = explore(body, how);
    CAPTURE(bound);
    CHECK(found.bounded == (found.schedules < 20));
    CHECK(found.exhaustive == !found.bounded);
    CHECK(found.schedules >= before);
    before = found.schedules;
    if (bound == 0) CHECK(found.schedules == 1);
    if (bound == 1) CHECK(found.schedules == 1 + 5);  // one departure at each choice of two
  }
  CHECK(before == 20);
}

TEST_CASE_FIXTURE(exploring, "explore: with a bound a loop that spins for a flag has an end") {
  explore_options how;
  how.preemption_bound = 3;
  const auto found = explore(
      [] {
        bool flag = false;
        weft::gather(
            [&] {
              while (!flag) weft::yield();
            },
            [&] { flag = true; });
      },
      how);
  CHECK_FALSE(found.failed);
  CHECK(found.bounded);
  CHECK_FALSE(found.out_of_budget);
}

TEST_CASE_FIXTURE(exploring, "explore: a budget ends it, and it is not exhaustive") {
  explore_options how;
  how.max_schedules = 7;
  const auto body = [] { weft::gather(steps(3), steps(3)); };
  const auto found = explore(body, how);
  CHECK(found.schedules == 7);
  CHECK(found.out_of_budget);
  CHECK_FALSE(found.exhaustive);
  how.max_schedules = 20;  // just enough
  CHECK(explore(body, how).exhaustive);
  how.max_schedules = 1'000'000;
  how.max_time = 1ns;
  const auto late = explore(body, how);
  CHECK(late.out_of_budget);
  CHECK(late.schedules < 20);
}

TEST_CASE_FIXTURE(exploring, "explore: every schedule begins at the same time, with the same ids") {
  std::set<std::string> beginnings;
  const auto found = explore([&] {
    std::string seen = std::to_string(weft::now().time_since_epoch().count());
    auto left = weft::spawn([] { weft::await_sleep(3h); });
    seen += " " + std::to_string(static_cast<std::uint64_t>(weft::this_fiber::id())) + " " +
            std::to_string(static_cast<std::uint64_t>(left.id())) + " " +
            std::string(weft::this_fiber::name());
    left.detach();
    weft::gather(steps(2), [] { weft::await_sleep(5min); });
    beginnings.insert(seen + " " + std::to_string(live_fibers()));
  });
  CHECK(found.exhaustive);
  CHECK(found.schedules > 5);
  // main, and the sleeper that was not left over from the schedule before; or it has slept.
  CHECK(beginnings.size() == 2);
  for (const std::string& seen : beginnings) CHECK(seen.find(" 2 3 main ") != std::string::npos);
}

TEST_CASE_FIXTURE(exploring, "explore: a timer that is armed may go off at each choice") {
  const auto body = [] {
    const auto got = weft::move_on_after(1h, [] { weft::yield(), weft::yield(); });
    check(got, "two yields took an hour");
  };
  finds("two yields took an hour", body);
  explore_options patient;
  patient.timers_race = false;
  CHECK(explore(body, patient).schedules == 1);
  explore_options obedient;
  obedient.preemption_bound = 0;  // the timer's is a departure
  CHECK_FALSE(explore(body, obedient).failed);
}

TEST_CASE_FIXTURE(exploring, "explore: timers go off in the order of their deadlines") {
  const auto found = explore([] {
    std::string order;
    weft::gather(
        [&] {
          weft::await_sleep_until(weft::time_point(1h) + 2ms);
          order += 'b';
        },
        [&] {
          weft::await_sleep_until(weft::time_point(1h) + 1ms);
          order += 'a';
        });
    // 'b' first only if 'a' was ready and not chosen
    check(order == "ab" || order == "ba", "both slept");
    check(weft::now() - weft::time_point(1h) == 2ms, "time goes from deadline to deadline");
  });
  CHECK(found.exhaustive);
  CHECK_MESSAGE(!found.failed, found.failure);
}

TEST_CASE_FIXTURE(exploring, "maybe_switch: a choice under explore, nothing elsewhere") {
  const auto found = explore([] {
    const auto work = [] { maybe_switch(), maybe_switch(); };
    weft::gather(work, work);
  });
  CHECK(found.schedules == 20);
  maybe_switch();  // on a plain thread
  run([] {
    bool has_run = false;
    auto other = weft::spawn([&] { has_run = true; });
    maybe_switch();
    CHECK_FALSE(has_run);
    other.join();
  });
}

TEST_CASE_FIXTURE(exploring, "maybe_switch: no point of cancellation") {
  passes([] {
    bool is_whole = false;
    auto task = weft::spawn([&] {
      weft::yield();
      maybe_switch();
      maybe_switch();
      is_whole = true;
    });
    weft::yield();
    task.cancel();
    weft::yield();
    task.join();
    check(is_whole || task.was_cancelled(), "it was left at its yield, or not at all");
  });
}

TEST_CASE_FIXTURE(exploring, "shared: a plain variable outside explore") {
  shared<int> value(3);
  value = value + 1;
  value.update([](int& now) { now *= 10; });
  CHECK(value.exchange(7) == 40);
  int expected = 6;
  CHECK_FALSE(value.compare_exchange(expected, 1));
  CHECK(expected == 7);
  CHECK(value.compare_exchange(expected, 8));
  CHECK(value.peek() == 8);
  CHECK_THROWS_AS(check(false, "outside"), weft::testing::check_error);
}

TEST_CASE_FIXTURE(exploring, "explore: callables of every kind, const and by reference") {
  int runs = 0;
  const auto body = [&runs] { ++runs; };
  CHECK(explore(body).schedules == 1);
  CHECK(runs == 1);
  struct counting {
    int calls = 0;
    void operator()() { ++calls; }
  } own;
  CHECK(explore(own).schedules == 1);
  CHECK(own.calls == 1);
}

TEST_CASE_FIXTURE(exploring, "explore: a trace and stackful scopes work inside") {
  const auto found = explore([] {
    weft::testing::trace events;
    weft::gather(steps(2), steps(2));
    check(!events.events().empty(), "it recorded");
  });
  CHECK(found.schedules == 6);
  CHECK_FALSE(found.failed);
}
