// SPDX-License-Identifier: BSL-1.0
// Fibers that are cancelled at any moment while they wait for a lock or hold it: at the end all is
// there again, nobody was inside too many, and those that waited were served in their order.
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "support/seed.hpp"
#include "weft/capacity_limiter.hpp"
#include "weft/latch.hpp"
#include "weft/mutex.hpp"
#include "weft/semaphore.hpp"
#include "weft/shared_mutex.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"

using weft_tests::no_leaks;
using weft_tests::scaled_on_demand;

namespace {

// One face for all: so many may be inside. take() is true if it was served in its turn: a permit
// that was free is taken while others, who were given theirs, have not run yet.
template <class Mutex>
struct exclusive {
  static constexpr int most = 1;
  bool take() {
    lock.lock();  // no try_lock() before: that may take a hand-over away, once
    return true;
  }
  void give() { lock.unlock(); }
  Mutex lock;
};
template <class Semaphore>
struct counting {
  static constexpr int most = 3;
  bool take() {
    if (lock.try_acquire()) return false;
    lock.acquire();
    return true;
  }
  void give() { lock.release(); }
  Semaphore lock{3};
};

template <class Kind>
struct scene {
  Kind kind;
  std::mt19937 chance{weft_tests::seed_of_this_run()};
  int inside = 0;
  std::size_t turns = 0;
  std::uint64_t tickets = 0;
  std::uint64_t last_served = 0;
  std::size_t broken = 0;

  // Takes and gives for as long as nobody cancels it.
  void visit() {
    for (;;) {
      const std::uint64_t mine = ++tickets;
      if (kind.take()) {
        if (mine <= last_served) ++broken;  // who asked later was served before
        last_served = mine;
      }
      struct given_back {
        scene& all;
        ~given_back() {
          --all.inside;
          all.kind.give();
        }
      } const last{*this};
      ++turns;
      if (++inside > Kind::most) ++broken;
      for (auto pauses = chance() % 3; pauses > 0; --pauses) weft::yield();
    }
  }
};

}  // namespace

TEST_CASE_TEMPLATE("torture 16: cancels among waiters and holders lose nothing, and keep the order",
                   Kind, exclusive<weft::mutex>, exclusive<weft::local::mutex>,
                   exclusive<weft::shared_mutex>, exclusive<weft::local::shared_mutex>,
                   counting<weft::semaphore>, counting<weft::local::semaphore>,
                   counting<weft::capacity_limiter>, counting<weft::local::capacity_limiter>) {
  CAPTURE(weft_tests::seed_of_this_run());
  no_leaks().run([] {
    scene<Kind> all;
    std::vector<weft::task<>> visitors;
    for (int i = 0; i < 40; ++i) visitors.push_back(weft::spawn([&] { all.visit(); }));
    std::size_t cancels = 0;
    const std::size_t wanted = scaled_on_demand(100'000, 5'000);
    while (all.turns < wanted || cancels < wanted) {
      weft::task<>& one = visitors[all.chance() % visitors.size()];
      one.cancel();
      ++cancels;
      if (all.chance() % 2 == 0) {
        one.join();
        one = weft::spawn([&] { all.visit(); });
      }
      if (one.done()) one = weft::spawn([&] { all.visit(); });
      for (auto pauses = all.chance() % 4; pauses > 0; --pauses) weft::yield();
    }
    for (auto& one : visitors) one.cancel();
    for (auto& one : visitors) one.join();
    CHECK(all.broken == 0);
    CHECK(all.inside == 0);
    int together = 0;
    weft::latch all_in(Kind::most);
    std::vector<weft::task<>> last;
    for (int i = 0; i < Kind::most; ++i) {
      last.push_back(weft::spawn([&] {
        all.kind.take();
        ++together;
        all_in.arrive_and_wait();
        all.kind.give();
      }));
    }
    for (auto& one : last) one.get();
    CHECK(together == Kind::most);
  });
}
