// SPDX-License-Identifier: BSL-1.0
// Promises about tasks that must hold in every order of events: the sentences whose other tests run
// in one order only. 71 speaks of that order, 76 of a signal, 21 and 22 of I/O: not here.
#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/capture_reports.hpp"
#include "task/on_every_seed.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/gather.hpp"
#include "weft/run.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::cancelled;
using weft::gather;
using weft::spawn;
using weft::testing::wait_all_blocked;
using weft_tests::capture_reports;
using weft_tests::counted;
using weft_tests::on_every_seed;

TEST_CASE_FIXTURE(on_every_seed, "sem 1: cancel() only marks; the throw comes on the task's own stack") {
  run([] {
    weft::fiber_id thrown_in{};
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled&) {
        thrown_in = weft::this_fiber::id();
        throw;
      }
    });
    wait_all_blocked();
    t.cancel();
    CHECK(thrown_in == weft::fiber_id{});
    t.join();
    CHECK(thrown_in == t.id());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 2: cancelled before its first statement, a body never runs") {
  run([] {
    bool ran = false;
    auto t = spawn([&, witness = counted()] { ran = true; });
    t.cancel();
    t.join();
    CHECK_FALSE(ran);
    CHECK(t.was_cancelled());
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 4: catch (std::exception&) lets a cancel pass; get() throws an error") {
  run([] {
    auto t = spawn([] {
      try {
        await_sleep(1h);
      } catch (const std::exception&) {
        FAIL("a std::exception");
      }
    });
    wait_all_blocked();
    t.cancel();
    CHECK_THROWS_AS(t.get(), weft::task_cancelled);
    CHECK_THROWS_AS(t.get(), std::runtime_error);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 18: who waits is cancelled, what it waits for goes on and is heard") {
  run([] {
    auto inner = spawn([] {
      await_sleep(5ms);
      throw std::runtime_error("heard");
    });
    CHECK_FALSE(weft::move_on_after(1ms, [&] { inner.join(); }));
    CHECK_FALSE(inner.done());
    CHECK_THROWS_WITH_AS(inner.get(), "heard", std::runtime_error);
    capture_reports reports;
    {
      auto unheard = spawn({"inner"}, [] {
        await_sleep(5ms);
        throw std::runtime_error("reported");
      });
      CHECK_FALSE(weft::move_on_after(1ms, [&] { unheard.join(); }));
      unheard.detach();
      await_sleep(10ms);
    }
    REQUIRE(reports.texts().size() == 1);
    CHECK(reports.texts()[0].find("reported") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 19: a cancelled join leaves its task alone, a cancelled gather does not") {
  run([] {
    auto joined = spawn([] { await_sleep(5ms); });
    auto gathered = spawn([] { await_sleep(5ms); });
    auto joiner = spawn([&] { joined.get(); });
    auto gatherer = spawn([&] { gather(gathered); });
    wait_all_blocked();
    joiner.cancel();
    gatherer.cancel();
    joiner.join();
    gatherer.join();
    CHECK_FALSE(joined.done());
    CHECK(gathered.was_cancelled());
    joined.get();
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 20: the first reason is kept, in the exception and in the error") {
  run([] {
    std::string seen;
    auto t = spawn([&] {
      try {
        await_sleep(1h);
      } catch (const cancelled& thrown) {
        seen = thrown.reason();
        throw;
      }
    });
    wait_all_blocked();
    t.cancel("first");
    t.cancel("second");
    CHECK_THROWS_WITH_AS(t.get(), doctest::Contains("first"), weft::task_cancelled);
    CHECK(seen == "first");
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 35: a handle that dies cancels its task and waits for its end") {
  run([] {
    bool has_ended = false;
    {
      auto t = spawn([&] {
        try {
          await_sleep(1h);
        } catch (const cancelled&) {
          weft::shielded([] { await_sleep(1ms); });
          has_ended = true;
          throw;
        }
      });
      wait_all_blocked();
    }
    CHECK(has_ended);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 36: a detached task that fails is reported once, by name and site") {
  run([] {
    capture_reports reports;
    spawn({"lonely"}, [] { throw std::runtime_error("nobody listens"); }).detach();
    await_sleep(1ms);
    REQUIRE(reports.texts().size() == 1);
    CHECK(reports.texts()[0].find("'lonely' (spawned at sentences_test.cpp:") != std::string::npos);
    CHECK(reports.texts()[0].find("nobody listens") != std::string::npos);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 37: gather's results stand in the order of its arguments") {
  run([] {
    const auto [a, b, c] = gather(
        [] {
          await_sleep(3ms);
          return 'a';
        },
        [] { return 'b'; },
        [] {
          await_sleep(1ms);
          return 'c';
        });
    CHECK(a == 'a');
    CHECK(b == 'b');
    CHECK(c == 'c');
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 38: gather's first error leaves after the others have ended") {
  run([] {
    const auto start = weft::now();
    int ended = 0;
    struct mark {
      int* to;
      ~mark() { ++*to; }
    };
    const auto sleeps = [&] {
      const mark last{&ended};
      await_sleep(1h);
    };
    CHECK_THROWS_WITH_AS(gather(sleeps,
                                [] {
                                  await_sleep(1ms);
                                  throw std::runtime_error("first");
                                },
                                sleeps),
                         "first", std::runtime_error);
    CHECK(ended == 2);
    CHECK(weft::now() - start == 1ms);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 40: a child cancelled by a third party is an error in its slot") {
  run([] {
    auto child = spawn([] { await_sleep(1h); });
    auto third = spawn([&] {
      await_sleep(1ms);
      child.cancel("not by gather");
    });
    CHECK_THROWS_WITH_AS(gather(child, [] { await_sleep(1h); }), doctest::Contains("not by gather"),
                         weft::task_cancelled);
    third.join();
    weft::yield();  // the gatherer itself was not cancelled
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 41: gather of nothing; the same task twice") {
  run([] {
    gather();
    CHECK(gather(std::vector<weft::task<int>>()).empty());
    int runs = 0;
    auto t = spawn([&] {
      await_sleep(1ms);
      return ++runs;
    });
    const auto [a, b] = gather(t, t);
    CHECK(a == 1);
    CHECK(b == 1);
    auto done = spawn([] { return 2; });
    done.join();
    const auto [c, d] = gather(done, done);
    CHECK(c + d == 4);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 70: a loop of yields starves neither timers nor others") {
  run([] {
    bool rang = false;
    auto timer = spawn([&] {
      await_sleep(1us);
      rang = true;
    });
    bool stops = false;
    auto other = spawn([&] { stops = true; });
    while (!stops) weft::yield();
    timer.join();
    CHECK(rang);
  });
}

TEST_CASE_FIXTURE(on_every_seed, "sem 72: no sleep is shorter than asked; deadlines fire in their order") {
  run([] {
    const auto start = weft::now();
    std::vector<int> order;
    std::vector<weft::task<>> sleepers;
    for (const int ms : {3, 1, 2}) {
      sleepers.push_back(spawn([&order, ms, start] {
        weft::await_sleep_until(start + ms * 1ms);
        CHECK(weft::now() == start + ms * 1ms);
        order.push_back(ms);
      }));
    }
    gather(sleepers);
    CHECK(order == std::vector<int>{1, 2, 3});
    auto endless = spawn([] { await_sleep(weft::duration::max()); });
    await_sleep(1000h);
    CHECK_FALSE(endless.done());
  });
}

TEST_CASE_FIXTURE(weft_tests::on_virtual_time, "sem 48: the 128th checkpoint in a row lets others run") {
  run([] {
    bool has_run = false;
    auto other = spawn([&] { has_run = true; });
    for (int i = 0; i < 127; ++i) weft::checkpoint();
    CHECK_FALSE(has_run);
    weft::checkpoint();
    CHECK(has_run);
    other.join();
  });
}

TEST_CASE_FIXTURE(weft_tests::no_leaks, "sem 75: run() cancels what is left, waits for it, rethrows main's error") {
  for (std::uint64_t seed = 0; seed < weft_tests::seed_setting("WEFT_TEST_SEEDS", 100); ++seed) {
    INFO("seed " << seed);
    bool has_ended = false;
    weft::testing::virtual_clock clock;
    weft::options how;
    how.seed = seed;
    how.time = &clock;
    how.stacks = &stacks;
    CHECK_THROWS_WITH_AS(weft::run(how,
                                   [&] {
                                     spawn([&] {
                                       try {
                                         await_sleep(1h);
                                       } catch (const cancelled&) {
                                         weft::shielded([] { await_sleep(1ms); });
                                         has_ended = true;
                                         throw;
                                       }
                                     }).detach();
                                     wait_all_blocked();
                                     CHECK_THROWS_AS(weft::run([] {}), std::logic_error);
                                     throw std::runtime_error("main's");
                                   }),
                         "main's", std::runtime_error);
    CHECK(has_ended);
  }
}

TEST_CASE_FIXTURE(weft_tests::no_leaks, "sem 99: the same seed gives the same trace, scopes and groups included") {
  const auto hash_of = [this](std::uint64_t seed) {
    weft::testing::virtual_clock clock;
    weft::options how;
    how.seed = seed;
    how.time = &clock;
    how.stacks = &stacks;
    return weft::run(how, [] {
      const weft::testing::trace events;
      weft::move_on_after(7ms, [] {
        gather([] { await_sleep(3ms); },
               [] { weft::with_timeout(5ms, [] { weft::yield(); }); }, [] { await_sleep(1h); });
      });
      return events.hash();
    });
  };
  std::uint64_t different = 0;
  for (std::uint64_t seed = 1; seed <= weft_tests::seed_setting("WEFT_TEST_SEEDS", 200); ++seed) {
    CHECK(hash_of(seed) == hash_of(seed));
    different += hash_of(seed) != hash_of(seed + 1) ? 1 : 0;
  }
  CHECK(different > 0);
}
