// SPDX-License-Identifier: BSL-1.0
// What leaves a task group: all errors together, a cancel from outside, or both.
#include <chrono>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "task/on_every_seed.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"
#include "weft/task_group.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::exception_group;
using weft::spawn;
using weft::task_group;
using weft::with_task_group;
using weft_tests::on_every_seed;

namespace {

std::string text_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::exception& e) {
    return e.what();
  }
}

template <class F>
exception_group group_of(F&& body) {
  try {
    with_task_group(std::forward<F>(body));
  } catch (const exception_group& errors) {
    return errors;
  }
  throw std::logic_error("no exception_group was thrown");
}

}  // namespace

TEST_CASE_FIXTURE(on_every_seed, "sem 26: a single error leaves as a group of one") {
  run([] {
    const exception_group errors = group_of([](task_group& group) {
      group.spawn([] { throw std::runtime_error("only"); });
    });
    CHECK(errors.size() == 1);
    CHECK_THROWS_WITH_AS(errors.rethrow_if_only(), "only", std::runtime_error);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 26: errors of children and body leave together") {
  run([] {
    const exception_group errors = group_of([](task_group& group) {
      for (int i = 0; i < 2; ++i) {
        group.spawn([i] {
          try {
            await_sleep(1h);
          } catch (const cancelled&) {
            throw std::runtime_error("child " + std::to_string(i));
          }
        });
      }
      weft::testing::wait_all_blocked();
      throw std::invalid_argument("body");
    });
    CHECK(errors.size() == 3);
    CHECK(text_of(errors.exceptions()[0]) == "body");
    CHECK(errors.contains<std::invalid_argument>());
    errors.rethrow_if_only();  // three: returns
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 27: a cancel from outside without errors leaves as `cancelled`") {
  run([] {
    bool left_by_cancelled = false;
    auto t = spawn([&] {
      try {
        with_task_group([](task_group& group) {
          group.spawn([] { await_sleep(1h); });
          await_sleep(1h);
        });
      } catch (const cancelled&) {
        left_by_cancelled = true;
        throw;
      }
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(left_by_cancelled);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 27: a cancel that meets the wait for the children ends them") {
  run([] {
    const auto start = weft::now();
    auto t = spawn([] {
      with_task_group([](task_group& group) { group.spawn([] { await_sleep(1h); }); });
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(t.was_cancelled());
    CHECK(weft::now() == start);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 28: errors and a cancel: the errors leave, the cancel stays due") {
  run([] {
    bool got_group = false;
    bool was_thrown_again = false;
    auto t = spawn([&] {
      try {
        with_task_group([](task_group& group) {
          group.spawn([] {
            try {
              await_sleep(1h);
            } catch (const cancelled&) {
              throw std::runtime_error("while cleaning up");
            }
          });
          await_sleep(1h);
        });
      } catch (const exception_group&) {
        got_group = true;
      }
      try {
        weft::checkpoint();
      } catch (const cancelled&) {
        was_thrown_again = true;
        throw;
      }
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(got_group);
    CHECK(was_thrown_again);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 32: what a group cannot throw is reported, not lost") {
  run([] {
    // After main has failed, run() cancels what it left behind; an error of that is reported.
    weft_tests::capture_reports reports;
    CHECK_THROWS_WITH_AS(weft::with_timeout(1h,
                                            [] {
                                              auto left = spawn({"late"}, [] {
                                                try {
                                                  await_sleep(1h);
                                                } catch (const cancelled&) {
                                                  throw std::runtime_error("suppressed");
                                                }
                                              });
                                              weft::testing::wait_all_blocked();
                                              throw std::runtime_error("first");
                                            }),
                         "first", std::runtime_error);
    CHECK(reports.texts().size() == 1);
    CHECK(reports.texts().back().find("'late'") != std::string::npos);
    CHECK(reports.texts().back().find("suppressed") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 32: what leaves with its group is not reported") {
  run([] {
    weft_tests::capture_reports reports;
    const exception_group errors = group_of([](task_group& group) {
      group.spawn([] { throw std::runtime_error("without a reference"); });
      auto kept = group.spawn([] { throw std::runtime_error("with one"); });
      await_sleep(1h);
    });
    CHECK(errors.size() >= 1);
    CHECK(reports.texts().empty());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "exception_group: what() is a tree of names, sites and texts") {
  run([] {
    const exception_group errors = group_of([](task_group& outer) {
      outer.spawn({"outer"}, [] {
        with_task_group([](task_group& inner) {
          inner.spawn({"reader"}, [] { throw std::runtime_error("no such file"); });
        });
      });
    });
    const std::string text = errors.what();
    CHECK(text.find("1 error in a task group\n`- fiber ") == 0);
    CHECK(text.find("'outer' (spawned at task_group_failure_test.cpp:") != std::string::npos);
    CHECK(text.find("\n   `- fiber ") != std::string::npos);
    CHECK(text.find("'reader'") != std::string::npos);
    CHECK(text.find("std::runtime_error: no such file") != std::string::npos);
  });
}

TEST_CASE("exception_group: split divides nested groups and keeps their form") {
  const auto error = [](auto e) { return std::make_exception_ptr(e); };
  const exception_group inner({error(std::runtime_error("r1")), error(std::logic_error("l1"))});
  const exception_group outer({error(inner), error(std::runtime_error("r2"))});
  const auto [runtime, rest] = outer.split<std::runtime_error>();
  REQUIRE(runtime.has_value());
  REQUIRE(rest.has_value());
  CHECK(runtime->size() == 2);
  CHECK(rest->size() == 1);
  CHECK(rest->contains<std::logic_error>());
  CHECK_FALSE(rest->contains<std::runtime_error>());
  CHECK_FALSE(outer.split<std::bad_alloc>().first.has_value());
  CHECK_THROWS_WITH_AS(rest->rethrow_if_only(), "l1", std::logic_error);
  const auto whole = outer.split<std::exception>();
  CHECK(whole.first->size() == 2);
  CHECK_FALSE(whole.second.has_value());
}

TEST_CASE("exception_group: an empty one is refused") {
  CHECK_THROWS_AS(exception_group(std::vector<std::exception_ptr>{}), std::logic_error);
  CHECK_THROWS_AS(exception_group({std::exception_ptr()}), std::logic_error);
}

TEST_CASE_FIXTURE(weft_tests::no_leaks, "torture 20: tasks that all throw, in groups") {
  constexpr int groups = static_cast<int>(weft_tests::scaled(100, 10));
  run([] {
    for (int round = 0; round < groups; ++round) {
      const exception_group errors = group_of([](task_group& group) {
        for (int i = 0; i < 100; ++i) {
          group.spawn([] {
            CHECK(std::uncaught_exceptions() == 0);
            try {
              await_sleep(1h);
            } catch (const cancelled&) {
              throw std::runtime_error("each");
            }
          });
        }
        weft::testing::wait_all_blocked();
        throw std::runtime_error("body");
      });
      CHECK(errors.size() == 101);
    }
  });
}
