// SPDX-License-Identifier: BSL-1.0
// The primitives between loops and plain threads: nothing that is given is lost, and who sees the
// end of something may destroy it.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/no_leaks.hpp"
#include "sync/everywhere.hpp"
#include "weft/barrier.hpp"
#include "weft/capacity_limiter.hpp"
#include "weft/event.hpp"
#include "weft/latch.hpp"
#include "weft/lazy.hpp"
#include "weft/mutex.hpp"
#include "weft/notifier.hpp"
#include "weft/once.hpp"
#include "weft/run.hpp"
#include "weft/shared_mutex.hpp"
#include "weft/spawn.hpp"
#include "weft/this_fiber.hpp"
#include "weft/wait_group.hpp"

using namespace std::chrono_literals;
using weft::spawn;
using weft_tests::everybody;
using weft_tests::everywhere;
using weft_tests::no_leaks;

namespace {

constexpr int primitive_rounds = weft_tests::is_sanitized ? 150 : 1500;

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "event: set between loops and threads, everybody goes on") {
  std::vector<weft::event> steps(static_cast<std::size_t>(primitive_rounds));
  std::thread setter([&] {
    for (auto& step : steps) step.set();
  });
  std::atomic<int> passed{0};
  everywhere([&] {
    for (auto& step : steps) {
      if (!step.wait_for(1us)) step.wait();
      ++passed;
    }
  });
  setter.join();
  CHECK(passed == everybody * primitive_rounds);
}

TEST_CASE_FIXTURE(no_leaks, "event: who sees it set may destroy it") {
  for (int i = 0; i < primitive_rounds; i += 10) {
    auto ready = std::make_unique<weft::event>();
    std::thread setter([&] { ready->set(); });
    if (i % 20 == 0) {
      weft::run([&] { ready->wait(); });
    } else {
      while (!ready->is_set()) {
      }
    }
    ready.reset();
    setter.join();
  }
}

TEST_CASE_FIXTURE(no_leaks, "mutex: who locks it after another has unlocked it may destroy it") {
  for (int i = 0; i < primitive_rounds; i += 10) {
    auto m = std::make_unique<weft::timed_mutex>();
    std::atomic<int> step{0};
    std::thread holder([&] {
      m->lock();
      step = 1;
      while (step != 2) std::this_thread::yield();
      m->unlock();  // looks for waiters, and finds none
    });
    while (step != 1) std::this_thread::yield();
    CHECK_FALSE(m->try_lock_for(1us));  // leaves the mark that somebody waits
    step = 2;
    while (!m->try_lock()) {
    }
    m->unlock();
    m.reset();
    holder.join();
  }
}

TEST_CASE_FIXTURE(no_leaks, "latch and wait_group: who finds them at zero may destroy them") {
  weft::run([] {
    for (int i = 0; i < primitive_rounds; i += 10) {
      auto gate = std::make_unique<weft::latch>(2);
      auto under_way = std::make_unique<weft::wait_group>();
      under_way->add(2);
      const auto work = [&] {
        gate->count_down();
        under_way->done();
      };
      std::thread one(work);
      std::thread two(work);
      gate->wait();
      under_way->wait();
      gate.reset();
      under_way.reset();
      one.join();
      two.join();
    }
  });
}

TEST_CASE_FIXTURE(no_leaks, "notifier: between loops and threads no notification is lost") {
  weft::notifier changed;
  std::atomic<int> available{0};
  std::atomic<int> taken{0};
  const int all = everybody * (primitive_rounds / 2);
  std::thread maker([&] {
    for (int i = 0; i < all; ++i) {
      ++available;
      changed.notify_one();
    }
  });
  const auto take = [&] {
    int seen = available;
    while (seen > 0 && !available.compare_exchange_weak(seen, seen - 1)) {
    }
    return seen > 0;
  };
  everywhere([&] {
    while (taken < all) {
      if (take()) {
        if (++taken == all) changed.notify_one();
      } else {
        changed.wait();
      }
    }
    changed.notify_one();  // the next one sees that all are taken
  });
  maker.join();
  CHECK(taken == all);
  CHECK(available == 0);
}

TEST_CASE_FIXTURE(no_leaks, "capacity_limiter: between loops and threads no token is lost") {
  weft::capacity_limiter limit(3);
  std::atomic<int> inside{0};
  std::atomic<bool> is_broken{false};
  everywhere([&] {
    for (int i = 0; i < primitive_rounds; ++i) {
      if (i % 7 == 0) {
        if (!limit.acquire_for(std::chrono::microseconds(i % 40))) continue;
      } else {
        limit.acquire();
      }
      if (++inside > 5) is_broken = true;
      if (i % 16 == 0) weft::yield();
      if (i % 64 == 0) limit.set_total_tokens(static_cast<std::size_t>(1 + i / 64 % 5));
      --inside;
      limit.release();
    }
  });
  CHECK_FALSE(is_broken);
  CHECK(limit.borrowed() == 0);
  CHECK(limit.statistics().waiting == 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "sem 55: barrier: primitive_rounds between loops and threads, all numbers once") {
  constexpr int meetings = primitive_rounds / 5;
  int completed = 0;
  weft::barrier meet(everybody, [&] { ++completed; });
  std::vector<std::atomic<int>> sums(meetings);
  std::atomic<int> ahead{0};
  everywhere([&] {
    for (int round = 0; round < meetings; ++round) {
      const std::size_t number = meet.arrive_and_wait();
      sums[static_cast<std::size_t>(round)] += 1 << number;
      if (completed != round + 1) ++ahead;
    }
  });
  CHECK(completed == meetings);
  CHECK(ahead == 0);
  for (const auto& sum : sums) REQUIRE(sum == (1 << everybody) - 1);
}

TEST_CASE_FIXTURE(no_leaks, "barrier: deadlines between threads lose no arrival") {
  weft::barrier meet(everybody);
  std::atomic<int> passed{0};
  everywhere([&] {
    for (int i = 0; i < primitive_rounds / 5; ++i) {
      if (meet.arrive_and_wait_for(std::chrono::microseconds(i % 100))) ++passed;
    }
  });
  CHECK(meet.waiting() == 0);
  // Whole again, whatever was taken back.
  std::atomic<int> together{0};
  everywhere([&] {
    meet.arrive_and_wait();
    ++together;
  });
  CHECK(together == everybody);
}

TEST_CASE_FIXTURE(no_leaks, "call_once and lazy: one of many threads and loops does it") {
  for (int i = 0; i < primitive_rounds / 15; ++i) {
    weft::once_flag flag;
    int calls = 0;
    int made = 0;
    weft::lazy number([&] {
      if (weft::in_fiber()) weft::yield();
      if (++made < 3) throw std::runtime_error("no luck");
      return made;
    });
    std::atomic<int> errors{0};
    everywhere([&] {
      weft::call_once(flag, [&] { ++calls; });
      CHECK(calls == 1);
      try {
        const int got = number.get();
        CHECK(got == 3);
      } catch (const std::runtime_error&) {
        ++errors;
      }
    });
    REQUIRE(calls == 1);
    REQUIRE(errors == 2);
  }
}

TEST_CASE_FIXTURE(no_leaks, "shared_mutex: one writer or many readers between loops and threads") {
  weft::shared_timed_mutex m;
  int sum = 0;
  std::atomic<int> writes{0};
  std::atomic<int> readers{0};
  std::atomic<int> broken{0};
  everywhere([&] {
    for (int i = 0; i < primitive_rounds; ++i) {
      if (i % 4 == 0) {
        if (i % 8 == 0) {
          m.lock();
        } else if (!m.try_lock_for(std::chrono::microseconds(i % 50))) {
          continue;
        }
        if (readers != 0) ++broken;
        ++sum;
        ++writes;
        if (i % 16 == 0) weft::yield();
        m.unlock();
      } else {
        if (i % 3 == 0) {
          if (!m.try_lock_shared_for(std::chrono::microseconds(i % 50))) continue;
        } else {
          m.lock_shared();
        }
        ++readers;
        const int seen = sum;
        if (i % 16 == 1) weft::yield();
        if (sum != seen) ++broken;
        --readers;
        m.unlock_shared();
      }
    }
  });
  CHECK(broken == 0);
  CHECK(sum == writes);
  CHECK(m.try_lock());
  m.unlock();
}
