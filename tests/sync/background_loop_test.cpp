// SPDX-License-Identifier: BSL-1.0
// A loop on a thread of its own: work from many threads, errors, and every kind of end.
#include "weft/background_loop.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::background_loop;
using weft::spawn;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled;

TEST_CASE_FIXTURE(no_leaks, "background_loop: work runs on another thread, in a fiber") {
  background_loop loop;
  const auto [thread, was_in_fiber] =
      loop.ref()
          .call([] { return std::make_pair(std::this_thread::get_id(), weft::in_fiber()); })
          .get();
  CHECK((thread != std::this_thread::get_id()));
  CHECK(was_in_fiber);
  CHECK_FALSE(weft::in_fiber());
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: made and destroyed without any work") {
  { background_loop idle; }
  background_loop used;
  CHECK(used.ref().call([] { return 5; }).get() == 5);
}

TEST_CASE_FIXTURE(no_leaks,
                  "background_loop: what is handed over may spawn, sleep and gather there") {
  background_loop loop;
  const int sum = loop.ref()
                      .call([] {
                        std::vector<weft::task<int>> tasks;
                        for (int i = 0; i < 10; ++i) {
                          tasks.push_back(spawn([i] {
                            await_sleep(10us);
                            return i;
                          }));
                        }
                        int total = 0;
                        for (auto& t : tasks) total += t.get();
                        return total;
                      })
                      .get();
  CHECK(sum == 45);
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: many threads hand work over at the same time") {
  const int calls = static_cast<int>(scaled(500, 100));
  background_loop loop;
  std::atomic<int> sum{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&, ref = loop.ref()]() mutable {
      for (int i = 0; i < calls; ++i) sum += ref.call([i] { return i % 10; }).get();
    });
  }
  for (auto& one : threads) one.join();
  int each = 0;
  for (int i = 0; i < calls; ++i) each += i % 10;
  CHECK(sum == 8 * each);
}

TEST_CASE_FIXTURE(no_leaks,
                  "background_loop: destruction cancels what runs there and waits for it") {
  std::atomic<bool> was_cancelled{false};
  std::atomic<bool> has_ended{false};
  {
    background_loop loop;
    weft::promise<void> parked;
    auto f = parked.get_future();
    loop.ref().post([&, witness = counted()] {
      const std::shared_ptr<void> last(nullptr, [&](void*) {
        await_sleep(100us);
        has_ended = true;
      });
      parked.set_value();
      try {
        await_sleep(1h);
      } catch (const weft::cancelled&) {
        was_cancelled = true;
        throw;
      }
    });
    f.get();
  }
  CHECK(was_cancelled);
  CHECK(has_ended);
}

TEST_CASE_FIXTURE(no_leaks,
                  "background_loop: a future of work in flight gets task_cancelled at the end") {
  weft::future<int> f;
  {
    background_loop loop;
    weft::promise<void> parked;
    auto is_parked = parked.get_future();
    f = loop.ref().call([&] {
      parked.set_value();
      await_sleep(1h);
      return 5;
    });
    is_parked.get();
  }
  CHECK_THROWS_AS(static_cast<void>(f.get()), weft::task_cancelled);
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: refs outlive it and refuse") {
  weft::loop_ref ref;
  {
    background_loop loop;
    ref = loop.ref();
    CHECK_FALSE(ref.has_ended());
  }
  CHECK(ref.has_ended());
  CHECK_THROWS_AS(ref.post([] {}), weft::closed_error);
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: a loop that cannot be made throws where it is made") {
  weft::options absurd;
  absurd.stack_bytes = SIZE_MAX;
  CHECK_THROWS_AS(background_loop{absurd}, std::logic_error);
  background_loop good;
  CHECK(good.ref().call([] { return 1; }).get() == 1);
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: options reach the loop") {
  weft::options how;
  how.stack_bytes = 1024 * 1024;
  how.stacks = &stacks;
  {
    background_loop loop(how);
    CHECK(loop.ref().call([] { return weft::this_fiber::stack_left(); }).get() > 900 * 1024);
  }
  CHECK(stacks.maps > 0);
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: several at once pass work in a ring") {
  background_loop a;
  background_loop b;
  background_loop c;
  const int result =
      a.ref()
          .call([&] {
            return b.ref()
                       .call([&] {
                         return c.ref()
                                    .call([&] { return a.ref().call([] { return 1; }).get() + 1; })
                                    .get() +
                                1;
                       })
                       .get() +
                   1;
          })
          .get();
  CHECK(result == 4);
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: a fiber of one loop may own and destroy another") {
  background_loop outer;
  CHECK(outer.ref()
            .call([] {
              background_loop inner;
              return inner.ref().call([] { return 5; }).get();
            })
            .get() == 5);
}

TEST_CASE_FIXTURE(no_leaks,
                  "background_loop: the thread that runs a loop may have background loops") {
  run([] {
    background_loop loop;
    auto there = loop.ref().call([] {
      weft::yield();
      return 5;
    });
    bool has_run = false;
    auto here = spawn([&] { has_run = true; });
    CHECK(there.get() == 5);
    here.join();
    CHECK(has_run);
  });
}

TEST_CASE_FIXTURE(no_leaks,
                  "background_loop: destroyed while threads still post, every callable dies once") {
  for (std::size_t round = 0; round < scaled(100, 20); ++round) {
    std::vector<std::thread> threads;
    std::atomic<int> refused{0};
    {
      background_loop loop;
      for (int t = 0; t < 3; ++t) {
        threads.emplace_back([&, ref = loop.ref()]() mutable {
          for (int i = 0; i < 40; ++i) {
            try {
              ref.post([witness = counted()] { weft::yield(); });
            } catch (const weft::closed_error&) {
              ++refused;
            }
          }
        });
      }
    }
    for (auto& one : threads) one.join();
    REQUIRE(refused <= 120);
    REQUIRE(counted::alive() == 0);
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "background_loop: a thousand made and destroyed, with and without work") {
  for (std::size_t i = 0; i < scaled(1'000, 100); ++i) {
    background_loop loop;
    if (i % 2 == 0) continue;
    loop.ref().post([witness = counted()] { await_sleep(1h); });
    if (i % 4 == 1) loop.ref().call([] {}).get();
  }
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks, "background_loop: what fails there is reported once, not thrown here") {
  const weft_tests::capture_reports reports;
  {
    background_loop loop;
    loop.ref().post([] { throw std::runtime_error("over there"); });
    loop.ref().call([] {}).get();
  }
  REQUIRE(reports.texts().size() == 1);
  CHECK(reports.texts()[0].find("over there") != std::string::npos);
}
