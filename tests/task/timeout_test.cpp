// SPDX-License-Identifier: BSL-1.0
// Deadlines: with_timeout, move_on_after, shielded; who reports when several are due.
#include <chrono>
#include <stdexcept>
#include <string>

#include <doctest/doctest.h>

#include "loop/loop.hpp"
#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/gather.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancel_scope;
using weft::cancelled;
using weft::move_on_after;
using weft::shielded;
using weft::spawn;
using weft::timeout_error;
using weft::with_scope;
using weft::with_timeout;
using weft_tests::on_every_seed;

TEST_CASE_FIXTURE(on_every_seed, "with_timeout: in time, the result; too late, timeout_error at once") {
  run([] {
    const auto start = weft::now();
    CHECK(with_timeout(1h, [] {
            await_sleep(1ms);
            return 3;
          }) == 3);
    CHECK_THROWS_WITH_AS(with_timeout(10ms, [] { await_sleep(1h); }),
                         "weft: time was up after 10 ms", timeout_error);
    CHECK(weft::now() == start + 11ms);
    int there = 0;
    CHECK(&with_timeout(1h, [&]() -> int& { return there; }) == &there);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "move_on_after: false or empty when time was up") {
  run([] {
    CHECK(move_on_after(1h, [] { await_sleep(1ms); }));
    CHECK_FALSE(move_on_after(1ms, [] { await_sleep(1h); }));
    CHECK(move_on_after(1h, [] { return 4; }) == 4);
    CHECK_FALSE(move_on_after(1ms, [] {
                  await_sleep(1h);
                  return 4;
                }).has_value());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 11: of two deadlines due together only the outer one reports") {
  run([] {
    bool inner_reported = false;
    CHECK_THROWS_WITH_AS(with_timeout(5ms,
                                      [&] {
                                        try {
                                          with_timeout(5ms, [] { await_sleep(1h); });
                                        } catch (const timeout_error&) {
                                          inner_reported = true;
                                        }
                                      }),
                         "weft: time was up after 5 ms", timeout_error);
    CHECK_FALSE(inner_reported);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 11: each of two nested deadlines reports its own") {
  run([] {
    CHECK_THROWS_WITH_AS(
        with_timeout(1h, [] { with_timeout(2ms, [] { await_sleep(1h); }); }),
        "weft: time was up after 2 ms", timeout_error);
    CHECK_THROWS_WITH_AS(
        with_timeout(2ms, [] { with_timeout(1h, [] { await_sleep(1h); }); }),
        "weft: time was up after 2 ms", timeout_error);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 12: inside the body it is `cancelled`, only outside an error") {
  run([] {
    bool was_cancelled = false;
    CHECK_THROWS_AS(with_timeout(1ms,
                                 [&] {
                                   try {
                                     await_sleep(1h);
                                   } catch (const std::exception&) {
                                     FAIL("a std::exception inside");
                                   } catch (const cancelled&) {
                                     was_cancelled = true;
                                     throw;
                                   }
                                 }),
                    timeout_error);
    CHECK(was_cancelled);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 13: another exception wins, and the timer's cancel is withdrawn") {
  run([] {
    CHECK_THROWS_WITH_AS(with_timeout(1ms,
                                      [] {
                                        try {
                                          await_sleep(1h);
                                        } catch (const cancelled&) {
                                          throw std::runtime_error("disk full");
                                        }
                                      }),
                         "disk full", std::runtime_error);
    await_sleep(1ms);  // nothing is due any more
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 73: what ends in time takes its deadline back") {
  run([] {
    const auto& timers = weft::detail::whole(*weft::detail::running_loop()).timers;
    with_timeout(1h, [] { await_sleep(1ms); });
    CHECK(timers.empty());
    CHECK_THROWS_AS(with_timeout(1h, [] { throw std::runtime_error("early"); }),
                    std::runtime_error);
    CHECK(timers.empty());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 14: a body that finishes after the timer fired keeps its result") {
  run([] {
    const int value = with_timeout(1ms, [] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
      }
      return 9;
    });
    CHECK(value == 9);
    cancel_scope scope(weft::now() + 1ms);
    CHECK(with_scope(scope, [] { shielded([] { await_sleep(1s); }); }));
    CHECK(scope.expired());
    CHECK(scope.cancel_called());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 15: a deadline in the past throws at the first wait, not before") {
  run([] {
    CHECK(with_timeout(0ms, [] { return 1; }) == 1);
    CHECK(with_timeout(-1h, [] { return 2; }) == 2);
    CHECK(with_timeout(weft::duration::min(), [] { return 3; }) == 3);
    CHECK_THROWS_AS(with_timeout(0ms, [] { weft::yield(); }), timeout_error);
    CHECK_THROWS_AS(with_timeout(-1h, [] { weft::checkpoint(); }), timeout_error);
    cancel_scope past(weft::now() - 1s);
    CHECK_FALSE(with_scope(past, [] { await_sleep(1ms); }));
    CHECK(past.expired());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "with_timeout: the longest time is no time at all") {
  run([] {
    CHECK(with_timeout(weft::duration::max(), [] {
            await_sleep(100h);
            return 1;
          }) == 1);
    CHECK(with_timeout(std::chrono::hours::max(), [] { return 2; }) == 2);
    CHECK(weft::effective_deadline() == weft::time_point::max());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 16: a cancel from outside survives an inner timeout that fires, too") {
  run([] {
    auto t = spawn([] {
      try {
        with_timeout(5ms, [] { await_sleep(1h); });
      } catch (const timeout_error&) {
      }
      await_sleep(1h);
    });
    auto canceller = spawn([&] {
      await_sleep(5ms);
      t.cancel();
    });
    const auto start = weft::now();
    t.join();
    CHECK(t.was_cancelled());
    CHECK(weft::now() - start == 5ms);
    canceller.join();
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 17: with_timeout returns only after what it waits for has ended") {
  run([] {
    bool has_ended = false;
    CHECK_THROWS_AS(with_timeout(1ms,
                                 [&] {
                                   weft::gather([&] {
                                     try {
                                       await_sleep(1h);
                                     } catch (const cancelled&) {
                                       shielded([] { await_sleep(10ms); });
                                       has_ended = true;
                                       throw;
                                     }
                                   });
                                 }),
                    timeout_error);
    CHECK(has_ended);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 10: cleanup waits inside shielded(), and only there") {
  run([] {
    const auto start = weft::now();
    int steps = 0;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        shielded([&] {
          await_sleep(1ms);
          ++steps;
        });
        try {
          await_sleep(1ms);
          ++steps;
        } catch (const cancelled&) {
        }
        throw;
      }
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(t.was_cancelled());
    CHECK(steps == 1);
    CHECK(weft::now() - start == 1ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 10: a grace bounds the shield; its own scopes are obeyed") {
  run([] {
    const auto start = weft::now();
    CHECK_THROWS_AS(shielded(5ms, [] { await_sleep(1h); }), timeout_error);
    CHECK(weft::now() - start == 5ms);
    CHECK(shielded(5ms, [] { return 1; }) == 1);
    auto t = spawn([] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        shielded(5ms, [] { await_sleep(1h); });
      }
    });
    weft::testing::wait_all_blocked();
    t.cancel();
    t.join();
    CHECK(t.was_cancelled());  // the cancel that waited outside passes, not a timeout
    CHECK(weft::now() - start == 10ms);
    shielded([] {
      cancel_scope inner;
      CHECK_FALSE(with_scope(inner, [&] {
        inner.cancel();
        weft::yield();
      }));
    });
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 10: what waited outside a shield is thrown right after it") {
  run([] {
    bool ran_on = false;
    CHECK_THROWS_AS(with_timeout(1ms,
                                 [&] {
                                   shielded([] { await_sleep(5ms); });
                                   ran_on = true;
                                   weft::checkpoint();
                                   ran_on = false;
                                 }),
                    timeout_error);
    CHECK(ran_on);
  });
}

TEST_CASE("shielded: on a plain thread it just calls") {
  CHECK(shielded([] { return 5; }) == 5);
  CHECK_THROWS_AS(with_timeout(1ms, [] {}), std::logic_error);
  CHECK_THROWS_AS(move_on_after(1ms, [] {}), std::logic_error);
  CHECK(weft::effective_deadline() == weft::time_point::max());
}
