// SPDX-License-Identifier: BSL-1.0
// Semaphores between the fibers of one loop: order, cancellation, deadlines, bounds.
#include "weft/semaphore.hpp"

#include <chrono>
#include <csignal>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/child.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using weft::await_sleep;
using weft::spawn;
using weft_tests::on_virtual_time;

#define SEMAPHORES weft::semaphore, weft::local::semaphore, weft::bounded_semaphore

TEST_CASE_TEMPLATE("semaphore: lets in as many as it has permits", Semaphore, SEMAPHORES) {
  on_virtual_time().run([] {
    Semaphore permits(3);
    int inside = 0;
    int most = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 20; ++i) {
      tasks.push_back(spawn([&] {
        permits.acquire();
        most = std::max(most, ++inside);
        await_sleep(1s);
        --inside;
        permits.release();
      }));
    }
    for (auto& t : tasks) t.get();
    CHECK(most == 3);
    CHECK(permits.available() == 3);
  });
}

TEST_CASE_TEMPLATE("sem 50: permits go in order, and a newcomer overtakes nobody", Semaphore,
                   SEMAPHORES) {
  on_virtual_time().run([] {
    Semaphore permits(1);
    permits.acquire();
    std::vector<int> order;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 3; ++i) {
      tasks.push_back(spawn([&, i] {
        permits.acquire();
        order.push_back(i);
        permits.release();
      }));
    }
    weft::yield();
    permits.release();
    CHECK_FALSE(permits.try_acquire());
    permits.acquire();
    order.push_back(3);
    permits.release();
    for (auto& t : tasks) t.get();
    CHECK(order == std::vector<int>{0, 1, 2, 3});
  });
}

TEST_CASE_TEMPLATE("sem 49: cancelled before the permit came, it goes to the next", Semaphore,
                   SEMAPHORES) {
  on_virtual_time().run([] {
    Semaphore permits(1);
    permits.acquire();
    auto first = spawn([&] { permits.acquire(); });
    bool has_second = false;
    auto second = spawn([&] {
      permits.acquire();
      has_second = true;
      permits.release();
    });
    weft::yield();
    first.cancel();
    permits.release();  // in the same turn: the cancel came first
    second.get();
    first.join();
    CHECK(first.was_cancelled());
    CHECK(has_second);
    CHECK(permits.available() == 1);
  });
}

TEST_CASE_TEMPLATE("sem 49: cancelled after it was handed the permit, it keeps it", Semaphore,
                   SEMAPHORES) {
  on_virtual_time().run([] {
    Semaphore permits(1);
    permits.acquire();
    bool was_inside = false;
    auto waits = spawn([&] {
      permits.acquire();
      was_inside = true;
      permits.release();
      weft::yield();  // the next checkpoint
    });
    weft::yield();
    permits.release();
    waits.cancel();
    waits.join();
    CHECK(was_inside);
    CHECK(waits.was_cancelled());
    CHECK(permits.available() == 1);
  });
}

TEST_CASE_TEMPLATE("sem 48: a free permit is taken without wait or throw, in a cancelled scope too",
                   Semaphore, SEMAPHORES) {
  on_virtual_time().run([] {
    Semaphore permits(2);
    weft::cancel_scope scope;
    int taken = 0;
    weft::with_scope(scope, [&] {
      scope.cancel();
      permits.acquire();
      ++taken;
      permits.acquire();
      ++taken;
      permits.acquire();  // this one would wait
      ++taken;
    });
    CHECK(taken == 2);
    permits.release(2);
    CHECK(permits.available() == 2);
  });
}

TEST_CASE_TEMPLATE("semaphore: acquire_until gives up at its deadline, and no permit is lost",
                   Semaphore, SEMAPHORES) {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    on_virtual_time().run_seeded(seed, [] {
      Semaphore permits(1);
      permits.acquire();
      const auto start = weft::now();
      CHECK_FALSE(permits.acquire_for(1s));
      CHECK(weft::now() == start + 1s);
      CHECK_FALSE(permits.acquire_for(0s));
      CHECK_FALSE(permits.acquire_until(weft::time_point::min()));
      std::vector<weft::task<>> tasks;
      int got = 0;
      for (int i = 0; i < 5; ++i) {
        tasks.push_back(spawn([&] {
          if (!permits.acquire_for(1s)) return;
          ++got;
          weft::yield();
          permits.release();
        }));
      }
      await_sleep(1s);  // the same instant
      permits.release();
      for (auto& t : tasks) t.get();
      CHECK(permits.available() == 1);
    });
  }
}

TEST_CASE("semaphore: release(k) lets k in at once") {
  on_virtual_time().run([] {
    weft::semaphore permits(0);
    int inside = 0;
    std::vector<weft::task<>> tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.push_back(spawn([&] {
        permits.acquire();
        ++inside;
      }));
    }
    weft::yield();
    permits.release(3);
    weft::yield();
    CHECK(inside == 3);
    permits.release(4);
    for (auto& t : tasks) t.get();
    CHECK(permits.available() == 2);
    permits.release(0);
    CHECK(permits.available() == 2);
  });
}

TEST_CASE("sem 51: a bounded semaphore refuses a release too many, and says which") {
  on_virtual_time().run([] {
    weft::bounded_semaphore permits(2);
    permits.acquire();
    std::string text;
    try {
      permits.release(2);
    } catch (const std::logic_error& e) {
      text = e.what();
    }
    CHECK(text.find("release(2) came while 1 of at most 2 permits were free") != std::string::npos);
    CHECK(permits.available() == 1);
    permits.release();
    CHECK_THROWS_AS(permits.release(), std::logic_error);
  });
}

TEST_CASE("semaphore: to destroy one that others wait for ends the program") {
  const auto end = weft_tests::run_child([] {
    weft::run([] {
      auto permits = std::make_unique<weft::semaphore>(0);
      auto waits = spawn([&] { permits->acquire(); });
      weft::yield();
      permits.reset();
    });
    return 0;
  });
  CHECK(end.signal == SIGABRT);
  CHECK(end.says("nobody waits on it any more"));
}
