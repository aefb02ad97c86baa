// SPDX-License-Identifier: BSL-1.0
// What nobody should pass, but somebody will: no function of structured concurrency hangs on it,
// overflows, or does what it likes. Durations that are negative, zero or maximal, deadlines in the
// past, nothing at all, the same task twice, oneself, and what has ended. More of it stands beside
// what each file tests: `grep -r "misuse"`.
#include <chrono>
#include <limits>
#include <stdexcept>
#include <string>
#include <thread>
#include <variant>
#include <vector>

#include <doctest/doctest.h>

#include "task/on_virtual_time.hpp"
#include "weft/testing.hpp"
#include "weft/weft.hpp"

using namespace std::chrono_literals;
using weft::duration;
using weft::spawn;
using weft::task;
using weft::time_point;
using weft::until;
using weft_tests::on_virtual_time;

namespace {

constexpr duration spans_of_nothing[] = {0ns, -1ns, -1h, duration::min()};
constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

std::vector<task<int>> one_that_waits() {
  std::vector<task<int>> tasks;
  tasks.push_back(spawn([] {
    weft::await_sleep(1h);
    return 1;
  }));
  weft::yield();  // it has begun
  return tasks;
}

}  // namespace

TEST_CASE_FIXTURE(on_virtual_time,
                  "bad input: a region with no time left is left at its first wait") {
  run([] {
    const time_point begun = weft::now();
    for (const duration span : spans_of_nothing) {
      CAPTURE(span.count());
      bool has_begun = false;
      CHECK_THROWS_AS(weft::with_timeout(span,
                                         [&] {
                                           has_begun = true;
                                           weft::await_sleep(1h);
                                         }),
                      weft::timeout_error);
      CHECK(has_begun);
      CHECK_FALSE(weft::move_on_after(span, [] { weft::await_sleep(1h); }));
      CHECK_THROWS_AS(weft::shielded(span, [] { weft::await_sleep(1h); }), weft::timeout_error);
      CHECK(weft::with_timeout(span, [] { return 1; }) == 1);  // without a wait, nothing is lost
    }
    CHECK(weft::now() == begun);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "bad input: the longest time is endless, and does not overflow") {
  run([] {
    const auto nap = [] {
      weft::await_sleep(1ms);
      return 1;
    };
    CHECK(weft::with_timeout(duration::max(), nap) == 1);
    CHECK(weft::with_timeout(std::chrono::hours::max(), nap) == 1);
    CHECK(weft::move_on_after(duration::max(), nap) == 1);
    CHECK(weft::move_on_after(std::chrono::hours::max(), nap) == 1);
    CHECK(weft::shielded(duration::max(), nap) == 1);
    weft::with_timeout(duration::max(),
                       [] { CHECK(weft::effective_deadline() == time_point::max()); });
    auto tasks = one_that_waits();
    CHECK_FALSE(weft::wait(tasks, until::all_completed, std::chrono::hours::max()).timed_out);
    auto again = one_that_waits();
    CHECK(again[0].join_until(time_point::max()));
    CHECK(weft::interval(duration::max()).period() == duration::max());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "bad input: a time that is not a number is refused") {
  run([] {
    const std::chrono::duration<double> span(not_a_number);
    CHECK_THROWS_AS(weft::with_timeout(span, [] {}), std::logic_error);
    CHECK_THROWS_AS(weft::move_on_after(span, [] {}), std::logic_error);
    CHECK_THROWS_AS(weft::interval{span}, std::logic_error);
    auto tasks = one_that_waits();
    CHECK_THROWS_AS(weft::wait(tasks, until::all_completed, span), std::logic_error);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "bad input: a scope whose deadline has passed is left at its first wait") {
  run([] {
    for (const time_point deadline : {weft::now(), weft::now() - 1h, time_point::min()}) {
      weft::cancel_scope born_late(deadline);
      CHECK_FALSE(weft::with_scope(born_late, [] { weft::await_sleep(1h); }));
      CHECK(born_late.expired());
      weft::cancel_scope set_late;
      CHECK_FALSE(weft::with_scope(set_late, [&] {
        set_late.set_deadline(deadline);
        weft::await_sleep(1h);
      }));
      CHECK(set_late.expired());
    }
    weft::cancel_scope over;
    CHECK(weft::with_scope(over, [] {}));
    over.set_deadline(time_point::min());  // after its end: nobody is there
    weft::yield();
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "bad input: waiting with no time looks once") {
  run([] {
    const time_point begun = weft::now();
    auto tasks = one_that_waits();
    for (const duration span : spans_of_nothing) {
      CAPTURE(span.count());
      const weft::wait_result seen = weft::wait(tasks, until::all_completed, span);
      CHECK(seen.timed_out);
      CHECK(seen.pending.size() == 1);
    }
    CHECK_FALSE(tasks[0].join_until(begun));
    CHECK_FALSE(tasks[0].join_until(time_point::min()));
    CHECK(weft::now() == begun);
    tasks[0].cancel();
    tasks[0].join();
    CHECK(tasks[0].join_until(time_point::min()));  // it has ended: no time is needed
    CHECK_FALSE(weft::wait(tasks, until::all_completed, duration::min()).timed_out);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "bad input: nothing to wait for is complete at once") {
  run([] {
    std::vector<task<int>> none;
    CHECK(weft::gather(none).empty());
    CHECK(weft::gather_settled(none).empty());
    for (const until what :
         {until::first_completed, until::first_exception, until::all_completed}) {
      const weft::wait_result seen = weft::wait(none, what);
      CHECK_FALSE(seen.timed_out);
      CHECK(seen.done.empty());
      CHECK(seen.pending.empty());
    }
    for (task<int>& each : weft::as_completed(none)) {
      static_cast<void>(each);
      FAIL("of nothing, something has ended");
    }
    weft::with_task_group([](weft::task_group& group) { group.join(); });
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "bad input: the same task twice ends once, and counts twice") {
  run([] {
    int runs = 0;
    auto one = spawn([&] {
      weft::await_sleep(1ms);
      return ++runs;
    });
    const auto [first, second] = weft::gather_settled(one, one);
    CHECK(first.value() == 1);
    CHECK(second.value() == 1);
    auto racer = spawn([&] {
      weft::await_sleep(1ms);
      return ++runs;
    });
    const auto won = weft::race(racer, racer);
    CHECK(won.index() == 0);
    CHECK(std::get<0>(won) == 2);
    CHECK(runs == 2);
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "bad input: nobody can wait for himself") {
  run([] {
    task<int> self;
    self = spawn([&] {
      CHECK_THROWS_AS(self.join(), std::logic_error);
      CHECK_THROWS_AS(self.get(), std::logic_error);
      CHECK_THROWS_AS(self.join_until(weft::now() + 1s), std::logic_error);
      CHECK_THROWS_AS(weft::gather(self), std::logic_error);
      CHECK_THROWS_AS(weft::gather_settled(self), std::logic_error);
      CHECK_THROWS_AS(weft::race(self), std::logic_error);
      return 1;
    });
    weft::testing::wait_all_blocked();
    CHECK(self.get() == 1);
  });
}

TEST_CASE_FIXTURE(on_virtual_time,
                  "bad input: what has ended cannot be cancelled, and is none the worse") {
  run([] {
    auto done = spawn([] { return 7; });
    done.join();
    CHECK_FALSE(done.cancel());
    CHECK_FALSE(done.cancel("late"));
    CHECK_FALSE(done.was_cancelled());
    CHECK(done.get() == 7);
    weft::task_ref<int> child;
    weft::with_task_group([&](weft::task_group& group) { child = group.spawn([] { return 8; }); });
    CHECK_FALSE(child.cancel());  // after the group's end, too
    CHECK(child.get() == 8);
  });
}

TEST_CASE_FIXTURE(weft_tests::no_leaks,
                  "bad input: a task of another loop can be cancelled, not gathered") {
  weft::background_loop beside;
  auto foreign =
      beside.ref().call([] { return spawn([] { weft::await_sleep(duration::max()); }); }).get();
  run([&] {
    std::vector<task<>> tasks;
    tasks.push_back(std::move(foreign));
    CHECK_THROWS_AS(weft::gather(tasks[0]), std::logic_error);
    CHECK_THROWS_AS(weft::gather_settled(tasks[0]), std::logic_error);
    CHECK_THROWS_AS(weft::race(tasks[0]), std::logic_error);
    CHECK_THROWS_AS(weft::wait(tasks), std::logic_error);
    CHECK_THROWS_AS(weft::as_completed(tasks), std::logic_error);
    CHECK_FALSE(tasks[0].done());
    CHECK(tasks[0].cancel());
    tasks[0].join();
    CHECK(tasks[0].was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_virtual_time, "bad input: a group takes nobody after its end, and says so") {
  run([] {
    weft::with_task_group([](weft::task_group& group) {
      group.spawn([] {});
      group.join();
      CHECK_THROWS_WITH_AS(group.spawn([] {}), doctest::Contains("task_group::spawn()"),
                           std::logic_error);
      CHECK_THROWS_WITH_AS(group.start([](weft::task_status<>& status) { status.started(); }),
                           doctest::Contains("task_group::start()"), std::logic_error);
      CHECK(group.size() == 0);
      group.join();    // again: nobody is left
      group.cancel();  // and nobody to cancel
    });
  });
}
