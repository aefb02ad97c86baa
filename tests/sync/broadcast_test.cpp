// SPDX-License-Identifier: BSL-1.0
// Broadcasts between the fibers of one loop: everybody gets everything, the slow are told what they
// missed.
#include "weft/broadcast.hpp"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "sync/kinds.hpp"
#include "task/on_virtual_time.hpp"
#include "weft/cancel_scope.hpp"
#include "weft/errors.hpp"
#include "weft/spawn.hpp"

using namespace std::chrono_literals;
using namespace weft_tests;
using weft::await_sleep;
using weft::spawn;

namespace {

// Its copies throw as long as `fails`.
struct fragile {
  explicit fragile(int n) : number(n) {}
  fragile(const fragile& other) : number(other.number) {
    if (fails) throw std::runtime_error("copied");
    weft::yield();  // nobody holds a lock
  }
  fragile(fragile&&) noexcept = default;
  int number;
  static inline bool fails = false;
};

}  // namespace

TEST_CASE_TEMPLATE("broadcast: every receiver gets every value sent after it subscribed", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template broadcast<std::string> news(8);
    CHECK(news.send("nobody listens") == 0);
    auto first = news.subscribe();
    CHECK(news.send("one") == 1);
    auto second = news.subscribe();
    CHECK(news.send("two") == 2);
    CHECK(first.recv().value() == "one");
    CHECK(first.recv().value() == "two");
    CHECK(second.recv().value() == "two");
    CHECK_FALSE(first.try_recv());
    CHECK(news.receiver_count() == 2);
    { const auto moved = std::move(second); }
    CHECK(news.receiver_count() == 1);
  });
}

TEST_CASE_TEMPLATE("broadcast: receivers wait for the next value, each in its own time", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template broadcast<int> news(4);
    std::vector<weft::task<int>> tasks;
    for (int i = 0; i < 10; ++i) {
      tasks.push_back(spawn([mine = news.subscribe()]() mutable {
        int sum = 0;
        for (auto got = mine.recv(); !got.is_closed(); got = mine.recv()) sum += got.value();
        return sum;
      }));
    }
    weft::yield();
    for (int i = 1; i <= 100; ++i) {
      news.send(i);
      weft::yield();
    }
    news.close();
    for (auto& t : tasks) CHECK(t.get() == 5050);
  });
}

TEST_CASE_TEMPLATE(
    "broadcast: who falls behind is told how many it missed, and goes on with the "
    "oldest that is left",
    Kind, any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template broadcast<int> news(3);
    auto slow = news.subscribe();
    for (int i = 1; i <= 3; ++i) news.send(i);
    CHECK(slow.recv().value() == 1);  // none is lost yet
    for (int i = 4; i <= 8; ++i) news.send(i);
    const auto lag = slow.recv();
    CHECK(lag.has_lagged());
    CHECK_FALSE(lag);
    CHECK_FALSE(lag.is_closed());
    CHECK(lag.missed() == 4);  // 2, 3, 4 and 5
    for (int i = 6; i <= 8; ++i) {
      const auto next = slow.recv();
      CHECK_FALSE(next.has_lagged());
      CHECK(next.value() == i);
    }
    CHECK_FALSE(slow.try_recv());
    CHECK_THROWS_AS((void)lag.value(), std::bad_optional_access);
  });
}

TEST_CASE_TEMPLATE("broadcast: after close receivers get what is left, then the end", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    auto news = std::make_unique<typename Kind::template broadcast<int>>(4);
    auto mine = news->subscribe();
    auto waits = spawn([other = news->subscribe()]() mutable {
      CHECK(other.recv().value() == 1);
      CHECK(other.recv().is_closed());
    });
    news->send(1);
    weft::yield();
    news->close();
    CHECK_THROWS_AS(news->send(2), weft::closed_error);
    waits.get();
    news.reset();  // receivers may outlive it
    CHECK(mine.recv().value() == 1);
    CHECK(mine.recv().is_closed());
    CHECK(mine.try_recv()->is_closed());
  });
}

TEST_CASE_TEMPLATE("broadcast: recv_until gives up at its deadline; a cancel ends recv", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template broadcast<int> news(4);
    auto mine = news.subscribe();
    const auto start = weft::now();
    CHECK_FALSE(mine.recv_until(start + 1s));
    CHECK(weft::now() == start + 1s);
    CHECK_FALSE(mine.recv_until(weft::time_point::min()));
    news.send(1);
    CHECK(mine.recv_until(weft::time_point::min())->value() == 1);
    auto waits = spawn([&] { mine.recv(); });
    weft::yield();
    waits.cancel();
    waits.join();
    CHECK(waits.was_cancelled());
    news.send(2);
    CHECK(mine.recv().value() == 2);
  });
}

TEST_CASE_TEMPLATE("sem 3: a value that had come before the cancel is received", Kind, any_thread,
                   one_loop) {
  on_virtual_time().run([] {
    typename Kind::template broadcast<int> news(4);
    int got = 0;
    auto waits = spawn([&, mine = news.subscribe()]() mutable {
      got = mine.recv().value();
      mine.recv();
    });
    weft::yield();
    news.send(1);
    waits.cancel();
    waits.join();
    CHECK(got == 1);
    CHECK(waits.was_cancelled());
  });
}

TEST_CASE_TEMPLATE("broadcast: a copy that throws loses nothing; copies run under no lock", Kind,
                   any_thread, one_loop) {
  on_virtual_time().run([] {
    typename Kind::template broadcast<fragile> news(4);
    auto one = news.subscribe();
    auto two = news.subscribe();
    news.send(fragile(1));
    fragile::fails = true;
    CHECK_THROWS_AS(one.recv(), std::runtime_error);
    CHECK_THROWS_AS(one.try_recv(), std::runtime_error);
    fragile::fails = false;
    auto other = spawn([&] { CHECK(two.recv().value().number == 1); });
    CHECK(one.recv().value().number == 1);
    other.get();
  });
}

TEST_CASE_TEMPLATE("broadcast: values are destroyed when others take their place, and at the end",
                   Kind, any_thread, one_loop) {
  on_virtual_time fixture;
  fixture.run([] {
    const long before = counted::alive();
    typename Kind::template broadcast<counted> news(2);
    auto mine = news.subscribe();
    for (int i = 0; i < 5; ++i) news.send(counted());
    CHECK(counted::alive() == before + 2);
  });
}

TEST_CASE_TEMPLATE("broadcast: in any order each receiver sees all values, in order, or is told",
                   Kind, any_thread, one_loop) {
  for (std::uint64_t seed = 0; seed < scaled(100, 10); ++seed) {
    INFO("seed " << seed);
    on_virtual_time().run_seeded(seed, [] {
      typename Kind::template broadcast<std::uint64_t> news(3);
      std::vector<weft::task<>> tasks;
      for (int i = 0; i < 5; ++i) {
        tasks.push_back(spawn([&, i, mine = news.subscribe()]() mutable {
          std::uint64_t next = 0;
          while (next != 50) {
            if (const auto got = mine.recv_until(weft::now() + i * 1s)) {
              if (!got->has_value()) {
                CHECK(got->has_lagged());
                next += got->missed();
              } else {
                CHECK(got->value() == next++);
              }
            } else {
              await_sleep(1s);
            }
            if (next % 7 == 0) await_sleep(1s);
          }
          CHECK(mine.recv().is_closed());
        }));
      }
      for (std::uint64_t n = 0; n < 50; ++n) {
        news.send(n);
        if (n % 2 == 0) weft::yield();
        if (n % 5 == 0) await_sleep(1s);
      }
      news.close();
      for (auto& t : tasks) t.get();
    });
  }
}

TEST_CASE("broadcast: without room for a value is refused") {
  CHECK_THROWS_AS(weft::broadcast<int>(0), std::logic_error);
}
