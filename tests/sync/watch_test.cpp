// SPDX-License-Identifier: BSL-1.0
// Watches between the fibers of one loop: the latest value, and waiting for another one.
#include "weft/watch.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;

TEST_CASE_TEMPLATE("watch: receivers see the latest value, and wait for another one", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template watch<std::string> state("starting");
    auto mine = state.subscribe();
    CHECK(mine.get() == "starting");
    CHECK_FALSE(mine.has_changed());
    std::vector<std::string> seen;
    auto waits = spawn([&] {
      while (seen.size() < 2) {
        mine.wait_changed();
        seen.push_back(mine.get());
      }
    });
    weft::yield();
    state.send("loading");
    state.send("ready");  // in the same turn: the one before is missed
    await_sleep(1s);
    state.send("ready");  // an equal one is a change, too
    waits.get();
    CHECK(seen == std::vector<std::string>{"ready", "ready"});
    CHECK(state.get() == "ready");
    CHECK(state.version() == 3);
  });
}

TEST_CASE_TEMPLATE("watch: what a receiver has looked at is no change any more", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template watch<int> state(0);
    auto mine = state.subscribe();
    auto copy = mine;
    state.send(1);
    CHECK(mine.has_changed());
    CHECK(*mine.borrow() == 1);
    CHECK_FALSE(mine.has_changed());
    CHECK_FALSE(mine.wait_changed_until(weft::now() + 1s));
    CHECK(copy.wait_changed_until(weft::time_point::min()));
    CHECK_FALSE(state.subscribe().has_changed());
  });
}

TEST_CASE_TEMPLATE("watch: a borrowed value stays while the watch goes on, without a copy", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    std::shared_ptr<const std::unique_ptr<int>> kept;  // cannot be copied
    {
      typename Kind::template watch<std::unique_ptr<int>> state(std::make_unique<int>(1));
      auto mine = state.subscribe();
      kept = mine.borrow();
      state.send(std::make_unique<int>(2));
      CHECK(**mine.borrow() == 2);
      CHECK(**state.borrow() == 2);
    }
    CHECK(**kept == 1);
  });
}

TEST_CASE_TEMPLATE("watch: wait_for looks at the present value first, then at each that it meets",
                   Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template watch<int> progress(0);
    auto mine = progress.subscribe();
    CHECK(mine.wait_for([](int n) { return n == 0; }) == 0);
    auto waits = spawn([&] {
      return mine.wait_for([](int n) {
        weft::yield();  // nobody holds a lock
        return n >= 3;
      });
    });
    for (int i = 1; i <= 5; ++i) {
      await_sleep(1s);
      progress.send(i);
    }
    CHECK(waits.get() == 3);
  });
}

TEST_CASE_TEMPLATE("watch: when it ends, its last value is seen, then closed_error", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    auto state = std::make_unique<typename Kind::template watch<int>>(0);
    auto mine = state->subscribe();
    auto waits = spawn([other = state->subscribe()]() mutable {
      CHECK_THROWS_AS(other.wait_for([](int n) { return n == 9; }), weft::closed_error);
      CHECK(other.get() == 1);
    });
    weft::yield();
    state->send(1);
    state->close();
    CHECK_THROWS_AS(state->send(2), weft::closed_error);
    state.reset();
    waits.get();
    mine.wait_changed();
    CHECK(mine.get() == 1);
    CHECK_THROWS_AS(mine.wait_changed(), weft::closed_error);
  });
}

TEST_CASE_TEMPLATE("watch: a cancel ends the wait, and the next one sees the change", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template watch<int> state(0);
    auto mine = state.subscribe();
    auto waits = spawn([&] { mine.wait_changed(); });
    weft::yield();
    waits.cancel();
    state.send(1);
    waits.join();
    CHECK(waits.was_cancelled());
    mine.wait_changed();
    CHECK(mine.get() == 1);
  });
}

TEST_CASE_TEMPLATE("watch: in any order, who waits sees the last value", Kind, any_thread,
                   one_loop) {
  for (std::uint64_t seed = 0; seed < scaled(100, 10); ++seed) {
    INFO("seed " << seed);
    on_virtual_time().run_seeded(seed, [] {
      typename Kind::template watch<int> state(0);
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 5; ++i) {
        tasks.push_back(spawn([&, i, mine = state.subscribe()]() mutable {
          int last = 0;
          while (last != 20) {
            if (!mine.wait_changed_until(weft::now() + i * 1s)) {
              await_sleep(1s);
              continue;
            }
            const int now = mine.get();
            CHECK(now > last);
            last = now;
          }
        }));
      }
      for (int n = 1; n <= 20; ++n) {
        state.send(n);
        if (n % 3 == 0) weft::yield();
        if (n % 4 == 0) await_sleep(1s);
      }
      for (auto& t : tasks) t.get();
    });
  }
}
