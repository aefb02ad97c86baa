// SPDX-License-Identifier: BSL-1.0
// A handle on one thread and its task's end on another, at the same instant: whoever comes first,
// every waiter goes on, every callback runs once, and every failure is told once.
#include <atomic>
#include <chrono>
#include <cstdint>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include <doctest/doctest.h>

#include "support/build_kind.hpp"
#include "support/capture_reports.hpp"
#include "support/no_leaks.hpp"
#include "weft/background_loop.hpp"
#include "weft/future.hpp"
#include "weft/spawn.hpp"
#include "weft/task.hpp"
#include "weft/this_fiber.hpp"

using namespace std::chrono_literals;
using weft::background_loop;
using weft::spawn;
using weft::task;
using weft_tests::capture_reports;
using weft_tests::counted;
using weft_tests::no_leaks;
using weft_tests::scaled;

namespace {

constexpr std::uint32_t seed = 42;

// A few random instructions, so that the two sides meet at different points.
void spin(std::minstd_rand& random) {
  const unsigned all_rounds = static_cast<unsigned>(random()) % 400;
  for (volatile unsigned i = 0; i < all_rounds; i = i + 1) {
  }
}

constexpr std::size_t batch = 50;
const std::size_t batches = scaled(40, 8);
const std::size_t all_rounds = batch * batches;

// A thread that does `f(i)` for each i of a batch while the loop's tasks of that batch run. One
// hand-over a batch: on a busy machine each costs a time slice.
class opponent {
 public:
  template <class F>
  explicit opponent(F f) : may_begin_(batches), has_finished_(batches) {
    for (auto& p : may_begin_) begins_.push_back(p.get_future());
    for (auto& p : has_finished_) finishes_.push_back(p.get_future());
    thread_ = std::thread([this, f]() mutable {
      for (std::size_t b = 0; b < batches; ++b) {
        begins_[b].get();
        for (std::size_t i = b * batch; i < (b + 1) * batch; ++i) f(i);
        has_finished_[b].set_value();
      }
    });
  }
  ~opponent() { thread_.join(); }

  // Calls make(i) for each i of a batch, lets the thread begin, calls then(i), awaits the thread.
  template <class Make, class Then>
  void play(Make make, Then then) {
    for (std::size_t b = 0; b < batches; ++b) {
      for (std::size_t i = b * batch; i < (b + 1) * batch; ++i) make(i);
      may_begin_[b].set_value();
      for (std::size_t i = b * batch; i < (b + 1) * batch; ++i) then(i);
      finishes_[b].get();
    }
  }

 private:
  std::vector<weft::promise<void>> may_begin_;
  std::vector<weft::promise<void>> has_finished_;
  std::vector<weft::future<void>> begins_;
  std::vector<weft::future<void>> finishes_;
  std::thread thread_;
};

}  // namespace

TEST_CASE_FIXTURE(no_leaks, "race: a thread's get() around the end always has the result") {
  std::vector<task<std::size_t>> tasks(all_rounds);
  std::size_t right = 0;
  INFO("seed " << seed);
  run([&] {
    std::minstd_rand here(seed);
    std::minstd_rand there(seed + 1);
    opponent getter([&](std::size_t i) {
      spin(there);
      if (tasks[i].get() == i) ++right;
      tasks[i] = {};
    });
    getter.play(
        [&](std::size_t i) {
          tasks[i] = spawn([i, &here] {
            spin(here);
            return i;
          });
        },
        [](std::size_t) { weft::yield(); });
  });
  CHECK(right == all_rounds);
}

TEST_CASE_FIXTURE(no_leaks,
                  "race: a thread's cancel() around the end is either in time or too late") {
  std::vector<task<>> tasks(all_rounds);
  std::vector<char> was_too_late(all_rounds);
  INFO("seed " << seed);
  run([&] {
    std::minstd_rand here(seed);
    std::minstd_rand there(seed + 1);
    opponent canceller([&](std::size_t i) {
      spin(there);
      was_too_late[i] = !tasks[i].cancel("from a thread");
    });
    canceller.play(
        [&](std::size_t i) {
          tasks[i] = spawn([&] {
            spin(here);
            weft::yield();
            spin(here);
          });
        },
        [&](std::size_t i) { tasks[i].join(); });
  });
  for (std::size_t i = 0; i < all_rounds; ++i) {
    REQUIRE(tasks[i].done());
    if (was_too_late[i]) REQUIRE_FALSE(tasks[i].was_cancelled());
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "race: a callback attached by a thread around the end runs exactly once") {
  std::vector<task<>> tasks(all_rounds);
  std::vector<int> calls(all_rounds);
  INFO("seed " << seed);
  run([&] {
    std::minstd_rand here(seed);
    std::minstd_rand there(seed + 1);
    opponent attacher([&](std::size_t i) {
      spin(there);
      tasks[i].on_done([&calls, i, witness = counted()] { ++calls[i]; });
    });
    attacher.play([&](std::size_t i) { tasks[i] = spawn([&] { spin(here); }); },
                  [](std::size_t) { weft::yield(); });
  });
  CHECK(calls == std::vector<int>(all_rounds, 1));
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "race: a failing task detached by a thread around its end is reported exactly "
                  "once") {
  std::vector<task<>> tasks(all_rounds);
  const capture_reports reports;
  INFO("seed " << seed);
  run([&] {
    std::minstd_rand here(seed);
    std::minstd_rand there(seed + 1);
    opponent detacher([&](std::size_t i) {
      spin(there);
      tasks[i].detach();
    });
    detacher.play(
        [&](std::size_t i) {
          tasks[i] = spawn([&] {
            spin(here);
            throw std::runtime_error("lost");
          });
        },
        [](std::size_t) { weft::yield(); });
  });
  CHECK(reports.texts().size() == all_rounds);
}

TEST_CASE_FIXTURE(no_leaks,
                  "race: a handle destroyed by a thread around the end frees everything once") {
  std::vector<task<counted>> tasks(all_rounds);
  const capture_reports ignored;  // some are dropped before they ran
  INFO("seed " << seed);
  run([&] {
    std::minstd_rand here(seed);
    std::minstd_rand there(seed + 1);
    opponent destroyer([&](std::size_t i) {
      spin(there);
      tasks[i] = {};
    });
    destroyer.play(
        [&](std::size_t i) {
          tasks[i] = spawn([&here, witness = counted()] {
            spin(here);
            weft::yield();
            return counted();
          });
        },
        [](std::size_t) { weft::yield(); });
  });
  CHECK(counted::alive() == 0);
}

TEST_CASE_FIXTURE(no_leaks,
                  "race: a waiter on another loop that is cancelled around the end leaves nothing "
                  "behind") {
  const std::size_t joins = scaled(500, 100);
  std::size_t returned = 0;
  std::size_t cancelled = 0;
  INFO("seed " << seed);
  run([&] {
    background_loop other;
    std::minstd_rand here(seed);
    std::minstd_rand there(seed + 1);
    for (std::size_t i = 0; i < joins; ++i) {
      auto t = spawn([&] {
        for (int k = 0; k < 4; ++k) {
          spin(here);
          weft::yield();
        }
      });
      auto outcome = other.ref().call([&] {
        auto waiter = spawn([&] { t.join(); });
        weft::yield();
        spin(there);
        waiter.cancel();
        waiter.join();
        return waiter.was_cancelled();
      });
      outcome.get() ? ++cancelled : ++returned;
      t.join();
      REQUIRE_FALSE(t.was_cancelled());
    }
  });
  CHECK(returned + cancelled == joins);
}

TEST_CASE_FIXTURE(no_leaks, "race: many threads and fibers wait for the same task") {
  for (std::size_t round = 0; round < scaled(100, 20); ++round) {
    std::atomic<int> arrived{0};
    std::vector<std::thread> threads;
    run([&] {
      auto t = spawn([round] {
        for (std::size_t i = 0; i < round % 10; ++i) weft::yield();
      });
      std::vector<task<>> fibers;
      for (int i = 0; i < 4; ++i) {
        threads.emplace_back([&] {
          t.join();
          ++arrived;
        });
        fibers.push_back(spawn([&] {
          t.join();
          ++arrived;
        }));
      }
      for (auto& f : fibers) f.join();
      while (arrived < 8) weft::yield();
    });
    for (auto& one : threads) one.join();
    REQUIRE(arrived == 8);
  }
}

TEST_CASE_FIXTURE(no_leaks,
                  "race: two loops that join and cancel each other's tasks both come to an end") {
  for (std::size_t round = 0; round < scaled(200, 30); ++round) {
    background_loop a;
    background_loop b;
    const auto make = [](background_loop& on) {
      return on.ref().call([] { return spawn([] { weft::await_sleep(1h); }); }).get();
    };
    auto of_a = make(a);
    auto of_b = make(b);
    auto from_a = a.ref().call([&] {
      if (round % 2 == 0) weft::yield();
      of_b.cancel("from a");
      of_b.join();
      return of_b.was_cancelled();
    });
    auto from_b = b.ref().call([&] {
      of_a.cancel("from b");
      of_a.join();
      return of_a.was_cancelled();
    });
    REQUIRE(from_a.get());
    REQUIRE(from_b.get());
  }
}
